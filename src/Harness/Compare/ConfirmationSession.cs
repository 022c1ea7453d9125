using Harness.Results;
using Harness.Run;

namespace Harness.Compare;

/// <summary>One side of a confirmation: its runs, and the program that measures it again.</summary>
/// <param name="Name"><c>base</c> or <c>new</c>, which is also the folder of its fresh runs.</param>
/// <param name="Runs">What was compared.</param>
/// <param name="Program">Measures a round.</param>
internal sealed record ConfirmedSide(string Name, RunPool Runs, IRoundRunner Program);

/// <summary>
/// Measures the suspects of a comparison again: a round of BASE's program and one of NEW's, so that drift of the machine falls on both alike; which of
/// the two goes first changes from round to round. Every round is a run of its own, so the folder can be compared by hand, and cut short at any moment.
/// </summary>
internal sealed class ConfirmationSession(ConfirmedSide was, ConfirmedSide now, string results, TextWriter messages)
{
    /// <returns>The comparison after the second look.</returns>
    /// <exception cref="HarnessException">It was interrupted, a program could not measure, or the machine is not what it was.</exception>
    public CompareDocument Confirm(CompareDocument comparison, CancellationToken stop)
    {
        var suspects = Suspect.Of(comparison, was.Runs, now.Runs);
        if (suspects.Count == 0)
        {
            return comparison with { Confirmation = new ConfirmationSummary() };
        }
        int rounds = Suspect.RoundsFor(suspects);
        string cells = suspects.Count == 1 ? "1 cell seems" : $"{suspects.Count} cells seem";
        messages.WriteLine($"{cells} to have changed: {rounds} fresh rounds of each build, in turns, into {results}");
        string wasMatrix = Prepare(was, [.. suspects.SelectMany(suspect => suspect.Base)]);
        string nowMatrix = Prepare(now, [.. suspects.SelectMany(suspect => suspect.New)]);
        var progress = RunProgress.Of(messages, 2 * rounds);
        var expected = Suspect.RoundTime(suspects);
        for (int round = 1; round <= rounds; round++)
        {
            (ConfirmedSide Side, string Matrix)[] turns = [(was, wasMatrix), (now, nowMatrix)];
            foreach (var (side, matrix) in round % 2 == 1 ? turns : turns.Reverse())
            {
                Measure(side, matrix, round, progress, expected, stop);
            }
        }
        progress.Erase();
        return Confirmation.Apply(comparison, suspects, Fresh(was), Fresh(now), results);
    }

    private string Folder(ConfirmedSide side) => Path.Combine(results, side.Name);

    private string Prepare(ConfirmedSide side, IReadOnlyList<CellRecord> cells)
    {
        var run = side.Runs.Runs[0].Run;
        string path = Path.Combine(Folder(side), $"{run.Matrix}-suspects.yml");
        try
        {
            Directory.CreateDirectory(Folder(side));
            File.WriteAllText(path, SuspectMatrix.Text(run, cells));
            return path;
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot create the folder '{Folder(side)}': {FileTrouble.Reason(e, path)}; choose another place with --results DIR", e);
        }
    }

    private void Measure(ConfirmedSide side, string matrix, int round, RunProgress progress, TimeSpan expected, CancellationToken stop)
    {
        progress.Begin(round, side.Name, expected);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            stop.ThrowIfCancellationRequested();
            side.Program.RunAsync(matrix, Folder(side), stop).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            progress.Erase();
            throw new HarnessException(ExitCode.Failed, $"interrupted in fresh round {round}, so nothing is confirmed; what was measured is in '{results}'");
        }
        catch (HarnessException)
        {
            progress.Erase();
            throw;
        }
        progress.End(round, side.Name, clock.Elapsed, "measured again");
        if (round == 1)
        {
            RequireSame(side, Fresh(side));
        }
    }

    private static void RequireSame(ConfirmedSide side, RunPool fresh)
    {
        SameMachine.Require(side.Name, side.Runs.Fingerprint, fresh.Fingerprint);
        if (side.Runs.Runs[0].Run.SeededRegression != fresh.Runs[0].Run.SeededRegression)
        {
            string was = side.Runs.Runs[0].Run.SeededRegression ?? "none";
            throw new HarnessException(ExitCode.Usage, $"{side.Name.ToUpperInvariant()} was measured with the seeded regression '{was}', and its program has another one now; set it so");
        }
    }

    private RunPool Fresh(ConfirmedSide side) => RunPool.Read(Folder(side));
}
