using Harness.Compare;
using Harness.Load;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

public sealed class CompareHistoryTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly CompareSamples _samples;

    public CompareHistoryTests() => _samples = new CompareSamples(_folder);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_step_is_found_where_it_is()
    {
        var random = new SplitMix64(1);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal([12], EDivisive.ChangePoints(Series(ref random, (12, 100), (12, 115))));
        }
    }

    [Fact]
    public void Two_steps_are_both_found()
    {
        var random = new SplitMix64(2);
        Assert.Equal([15, 30], EDivisive.ChangePoints(Series(ref random, (15, 100), (15, 140), (15, 90))));
    }

    [Fact]
    public void A_steady_series_shows_a_change_in_about_one_of_a_hundred()
    {
        var random = new SplitMix64(3);
        int trials = TestScale.Pick(200, 2000);
        int alarms = 0;
        for (int i = 0; i < trials; i++)
        {
            alarms += EDivisive.ChangePoints(Series(ref random, (20, 100))).Count > 0 ? 1 : 0;
        }
        // Three standard deviations above what is promised.
        Assert.InRange(alarms, 0, (trials * EDivisive.Significance) + (3 * Math.Sqrt(trials * EDivisive.Significance)));
    }

    [Fact]
    public void Nothing_is_said_of_constant_or_short_series()
    {
        Assert.Empty(EDivisive.ChangePoints([.. Enumerable.Repeat(5.0, 40)]));
        Assert.Empty(EDivisive.ChangePoints([1, 1, 1, 9, 9, 9]));
        Assert.Empty(EDivisive.ChangePoints([]));
    }

    [Fact]
    public void A_history_names_the_commits_between_which_a_figure_changed()
    {
        for (int day = 0; day < 14; day++)
        {
            double factor = day < 7 ? 1 : 1.5;
            double calls = day < 4 ? 0 : 1;
            _samples.Run(
                "history",
                rounds: 5,
                started: ResultsSamples.Noon.AddDays(day),
                run: run => run with { Commit = $"commit{day:00}" },
                load: load => load with
                {
                    Iops = load.Iops * (1 + (0.001 * day % 5)) / factor,
                    Client = load.Client with { SyscallsPerOp = load.Client.SyscallsPerOp + calls },
                });
        }
        var history = ChangeHistory.Read(_folder.File("history"), 0.03, null);
        Assert.True(history.EnoughRuns);
        Assert.Equal(14, history.Runs.Count);
        var speed = history.Changes.Where(change => change.Figure == "iops").ToList();
        Assert.Equal(2, speed.Count);
        Assert.All(speed, change => Assert.Equal((Verdict.Worse, "commit06", "commit07"), (change.Verdict, change.Last.Commit, change.First.Commit)));
        var calls1 = history.Changes.Single(change => change.Figure == "client.syscalls_per_op" && change.Kind == FigureKind.Invariant);
        Assert.Equal(("commit03", "commit04", CompareSamples.DepthOne.Id), (calls1.Last.Commit, calls1.First.Commit, calls1.Cell));

        string text = ReportConsole.Draw(console => HistoryText.Write(history, console));
        Assert.Contains("sample: between commit06 (2026-03-07 12:00) and commit07 (2026-03-08 12:00)\n  worse  backend=epoll,depth=1,rw=read: iops ", text);
    }

    [Fact]
    public void Runs_of_another_machine_and_damaged_ones_are_left_out_by_name()
    {
        _samples.Run("history", rounds: 1, run: run => run with { Environment = run.Environment with { CpuModel = "Other" } });
        foreach (int day in Enumerable.Range(1, 3))
        {
            _samples.Run("history", rounds: 1, started: ResultsSamples.Noon.AddDays(day));
        }
        File.WriteAllText(Path.Combine(_samples.Run("history", rounds: 1, started: ResultsSamples.Noon.AddDays(4)), RunReader.RunFile), "{");
        var history = ChangeHistory.Read(_folder.File("history"), 0.03, null);
        Assert.Equal((3, 0), (history.Runs.Count, history.Changes.Count));
        Assert.Contains(history.Notes, note => note.StartsWith("left out: cannot read '", StringComparison.Ordinal));
        Assert.Contains(history.Notes, note => note.Contains("environment.cpu_model was 'Other' in ", StringComparison.Ordinal));
        Assert.Contains(history.Notes, note => note.EndsWith("so only invariant figures are looked at", StringComparison.Ordinal));
    }

    private static double[] Series(ref SplitMix64 random, params (int Count, double Level)[] parts)
    {
        var values = new List<double>();
        foreach (var (count, level) in parts)
        {
            for (int i = 0; i < count; i++)
            {
                values.Add(level * (1 + (0.04 * (random.Next() / (double)ulong.MaxValue))));
            }
        }
        return [.. values];
    }
}
