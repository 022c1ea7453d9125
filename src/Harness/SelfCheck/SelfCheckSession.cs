using System.Diagnostics;
using System.Globalization;
using Harness.Compare;
using Harness.Report;
using Harness.Results;

namespace Harness.SelfCheck;

/// <summary>
/// Makes the comparisons of a plan, one after the other, and writes each down before the next begins. One that was cut short is made anew when the self-check
/// is resumed: its rounds would no longer have been measured in turns.
/// </summary>
internal sealed class SelfCheckSession(SelfCheckPlan plan, SelfCheckFolder folder, IRoundMeasurer measurer, TextWriter messages)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _made;
    private bool _toldOfMachine;

    /// <returns>False where it was stopped before the end.</returns>
    /// <exception cref="HarnessException">A cell cannot run here, or the machine is not what it was at the beginning.</exception>
    public bool Run(CancellationToken stop)
    {
        try
        {
            for (int number = 1; number <= plan.Comparisons; number++)
            {
                if (folder.Document.Results.All(result => result.Number != number))
                {
                    Make(number, stop);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return false;
        }
        folder.Write(folder.Document with { Finished = folder.Document.Finished ?? DateTimeOffset.UtcNow });
        return true;
    }

    private void Make(int number, CancellationToken stop)
    {
        var started = DateTimeOffset.UtcNow;
        var clock = Stopwatch.StartNew();
        folder.Clear(number);
        var runs = new List<RunData>();
        for (int round = 1; round <= plan.Rounds; round++)
        {
            foreach (var side in plan.Turn(number, round))
            {
                stop.ThrowIfCancellationRequested();
                runs.Add(Checked(measurer.Measure(plan.Round(side, number, round), side.Seeded, folder.Side(number, side.Name), stop)));
            }
            if (_made == 0 && round == 1)
            {
                Estimate(clock.Elapsed);
            }
        }
        var result = Judge(number, started, clock.Elapsed, runs);
        SelfCheckComparison[] results = [.. folder.Document.Results, result];
        folder.Write(folder.Document with { Results = results, Summary = SelfCheckJudge.Sum(results, plan.Comparisons) });
        _made++;
        messages.WriteLine($"{number}/{plan.Comparisons}  {Left()} left  {SelfCheckMarkdown.Line(result)}");
    }

    private SelfCheckComparison Judge(int number, DateTimeOffset started, TimeSpan spent, IReadOnlyList<RunData> runs)
    {
        var was = RunPool.Read(folder.Side(number, SelfCheckPlan.Base));
        CompareDocument Against(string side, Gate gate)
        {
            var comparison = OnBothSides(Comparison.Of(was, RunPool.Read(folder.Side(number, side)), new ComparisonOptions { Gate = gate }));
            folder.Write(number, side, comparison);
            return comparison;
        }
        var cells = runs.SelectMany(run => run.Cells).ToList();
        return new SelfCheckComparison
        {
            Number = number,
            Started = started,
            Seconds = Math.Round(spent.TotalSeconds, 1),
            Measurements = cells.Count,
            Spoiled = cells.SelectMany(cell => cell.Warnings)
                .GroupBy(warning => warning.Id)
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.Count()),
            SameBuild = SelfCheckJudge.SameBuild(Against(SelfCheckPlan.SameBuild, Gate.All)),
            Seeded = [.. plan.Seeded.Select(check => SelfCheckJudge.Seeded(check, Against(check.Kind, check.Gate)))],
        };
    }

    // BASE has cells that the regression was not seeded into, of which there is nothing to say.
    private static CompareDocument OnBothSides(CompareDocument comparison)
    {
        CellVerdict[] cells = [.. comparison.Cells.Where(cell => cell.Figures.Count > 0 || cell.Verdict != Verdict.CannotSay)];
        return comparison with { Cells = cells, Verdict = cells.Select(cell => cell.Verdict).DefaultIfEmpty(Verdict.CannotSay).MaxBy(Comparison.Weight) };
    }

    /// <summary>Every run must have been measured by one program on one machine in one state, those of before a resume among them.</summary>
    private RunData Checked(RunData run)
    {
        if (run.Cells.FirstOrDefault(cell => cell.Status == CellStatus.Skipped) is { } skipped)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, $"'{skipped.Cell}' cannot run here: {skipped.Reason}; give a matrix without it");
        }
        var document = folder.Document;
        if (document.FingerprintHash is null)
        {
            folder.Write(document with { FingerprintHash = run.Run.FingerprintHash });
        }
        else if (document.FingerprintHash != run.Run.FingerprintHash || document.Build != run.Run.Build)
        {
            string what = document.Build != run.Run.Build ? "another build" : "another state of the machine (harness compare of runs in raw/ names what differs)";
            throw new HarnessException(ExitCode.Failed, $"'{folder.Path}' was begun by {what}; restore that one, or begin anew");
        }
        if (!_toldOfMachine)
        {
            _toldOfMachine = true;
            foreach (var warning in run.Run.Warnings.Where(warning => !Measure.SpoiledCell.Ids.Contains(warning.Id)))
            {
                messages.WriteLine($"warning: {warning.Text}; remedy: {warning.Remedy}");
            }
        }
        return run;
    }

    // In the first round every side takes part, which later ones do not.
    private void Estimate(TimeSpan firstRound)
    {
        int cells = plan.Turn(1, 1).Sum(side => side.Matrix.Cells().Count);
        int left = plan.Comparisons - folder.Document.Results.Count;
        string time = Text(firstRound / cells * plan.Measurements * left);
        string rounds = SelfCheckMarkdown.Count(plan.Rounds, "round");
        messages.WriteLine($"{SelfCheckMarkdown.Count(left, "comparison")} of {rounds}, {plan.Measurements} measurements each: about {time}");
    }

    private string Left() => Text(_clock.Elapsed / _made * (plan.Comparisons - folder.Document.Results.Count));

    private static string Text(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}m{time.Seconds:00}s");
}
