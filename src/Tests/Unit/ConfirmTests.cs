using Harness.Compare;
using Harness.Load;
using Harness.Matrix;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>What a second look at the suspects of a comparison makes of it, with programs whose truth is known.</summary>
public sealed class ConfirmTests : IDisposable
{
    private static readonly ComparisonOptions s_timed = new() { Gate = Gate.Timed, MinEffect = 0.2 };

    private readonly TempDir _folder = new();
    private readonly CompareSamples _samples;
    private readonly List<string> _turns = [];
    private readonly List<string> _measured = [];

    public ConfirmTests() => _samples = new CompareSamples(_folder);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_false_alarm_is_not_confirmed()
    {
        var comparison = Confirm(SlowAtDepth(2), s_timed, freshFactor: 1);
        var cell = Deep(comparison);
        Assert.Equal((Verdict.Same, Verdict.Same, null), (comparison.Verdict, cell.Verdict, cell.DecidedBy));
        var figure = cell.Figures.Single(figure => figure.Figure == "latency_us.p50");
        Assert.Equal((Verdict.Worse, Verdict.Same), (figure.FirstVerdict, figure.Verdict));
        Assert.StartsWith("not confirmed: 10 fresh rounds of each find no change", figure.Reason);
        Assert.InRange(figure.Ratio!.Value, 1.8, 2.2);
        Assert.InRange(figure.Again!.Ratio!.Value, 0.9, 1.1);
        Assert.Equal((1, 0), (comparison.Confirmation!.Suspects, comparison.Confirmation.Confirmed));
    }

    [Fact]
    public void A_true_slowdown_is_confirmed()
    {
        var comparison = Confirm(SlowAtDepth(2), s_timed, freshFactor: 1.7);
        var cell = Deep(comparison);
        Assert.Equal((Verdict.Worse, Verdict.Worse, "latency_us.p50"), (comparison.Verdict, cell.Verdict, cell.DecidedBy));
        Assert.Equal((Verdict.Worse, Verdict.Worse), (cell.Decider!.FirstVerdict, cell.Decider.Again!.Verdict));
        Assert.Equal((1, 1), (comparison.Confirmation!.Suspects, comparison.Confirmation.Confirmed));
    }

    [Theory]
    [InlineData(0.5, "not confirmed: 10 fresh rounds of each say better")]
    [InlineData(1.2, "not confirmed: 10 fresh rounds of each cannot say: the interval lies across the limit of 20 %; more rounds would tell")]
    public void What_the_fresh_rounds_do_not_say_themselves_is_no_verdict(double freshFactor, string reason)
    {
        var cell = Deep(Confirm(SlowAtDepth(2), s_timed, freshFactor));
        Assert.Equal((Verdict.CannotSay, "latency_us.p50", reason), (cell.Verdict, cell.DecidedBy, cell.Reason));
    }

    [Fact]
    public void Only_the_suspects_are_measured_again_in_turns_with_their_settings()
    {
        var comparison = Confirm(SlowAtDepth(2), s_timed, freshFactor: 2);
        Assert.Equal(10, comparison.Confirmation!.Rounds);
        Assert.Equal(["base", "new", "new", "base", "base", "new"], _turns.Take(6));
        Assert.Equal((10, 10), (_turns.Count(side => side == "base"), _turns.Count(side => side == "new")));
        Assert.Equal([CompareSamples.Deep.Id], _measured.Distinct());
        // By hand it is a comparison like any other.
        string results = comparison.Confirmation.Results!;
        var byHand = CompareSamples.Compare(Path.Combine(results, "base"), Path.Combine(results, "new"), s_timed);
        Assert.Equal((Verdict.Worse, true, 10), (byHand.Verdict, byHand.InTurns, byHand.Base.Runs.Count));
    }

    [Fact]
    public void What_is_exact_needs_no_second_look()
    {
        var options = s_timed with { Gate = Gate.All };
        string now = _samples.Run("new", turn: 1, load: load => load with { Client = load.Client with { AllocatedBytesPerOp = 24 } });
        var comparison = Confirm(now, options, freshFactor: 1);
        Assert.Equal(Verdict.Worse, comparison.Verdict);
        Assert.Equal((null, 0), (comparison.Confirmation!.Results, comparison.Confirmation.Suspects));
        Assert.Empty(_turns);
    }

    [Fact]
    public void A_cell_that_fails_when_it_is_measured_again_is_worse()
    {
        var cell = Deep(Confirm(SlowAtDepth(2), s_timed, freshFactor: 1, freshFailure: "the server was killed by signal 11"));
        Assert.Equal((Verdict.Worse, null), (cell.Verdict, cell.DecidedBy));
        Assert.Equal("measured again, it fails in 10 of 10 rounds, and never did in BASE: the server was killed by signal 11", cell.Reason);
    }

    [Fact]
    public void Another_machine_does_not_confirm()
    {
        var error = Assert.Throws<HarnessException>(() => Confirm(
            SlowAtDepth(2), s_timed, freshFactor: 1, header: run => run with { Environment = run.Environment with { KernelRelease = "6.13.0" } }));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains("environment.kernel_release was '6.12.0' in BASE and is '6.13.0' here", error.Message);
        Assert.Equal(["base"], _turns);
    }

    [Fact]
    public void Interrupted_it_confirms_nothing_and_its_folders_are_valid()
    {
        using var stop = new CancellationTokenSource();
        var error = Assert.Throws<HarnessException>(() => Confirm(SlowAtDepth(2), s_timed, freshFactor: 1, stop: stop, stopAfter: 3));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.StartsWith("interrupted in fresh round 2, so nothing is confirmed; what was measured is in '", error.Message);
        Assert.Equal(2, RunPool.Read(_folder.File("confirm/new")).Runs.Count);
    }

    // With no minimum effect the rank test alone is on trial; one look alone gives up to one alarm in a hundred.
    [Fact]
    public void A_build_against_itself_does_not_raise_an_alarm_twice()
    {
        var random = new SplitMix64(2027);
        int comparisons = TestScale.Pick(40, 2000);
        int suspects = 0;
        int confirmed = 0;
        for (int i = 0; i < comparisons; i++)
        {
            int changed = Look(12, ref random).Count(IsAlarm);
            suspects += changed;
            confirmed += changed > 0 && Look(changed, ref random).Any(IsAlarm) ? 1 : 0;
        }
        Assert.True(confirmed <= comparisons * RankRules.FalseAlarmRate * RankRules.FalseAlarmRate + 1, $"{confirmed} confirmed of {suspects} suspects");

        static bool IsAlarm(FigureResult result) => result.Verdict is Verdict.Worse or Verdict.Better;
    }

    [Fact]
    public void The_matrix_of_the_suspects_has_just_their_cells_and_the_settings_of_their_run()
    {
        string[][] suspects =
        [
            ["epoll", "500", "poisson", "4096:70,64k:30", "mix:70", "random", "memory:256M"],
            ["uring", "closed", "constant", "4k", "write", "zipf:0.99", "file:/it's,here"],
            ["uring", "20k", "constant", "1M", "read", "sequential", "null:1G"],
        ];
        string[] axes = ["backend", "rate", "arrivals", "size", "rw", "pattern", "block"];
        Cell[] cells = [.. suspects.Select(values => new Cell(axes.Zip(values, Canonical).ToDictionary()))];
        var run = ResultsSamples.Run with { DurationSeconds = 0.05, WarmupSeconds = 0, Seed = 18 };
        File.WriteAllText(_folder.File("m.yml"), SuspectMatrix.Text(run, [.. cells.Select(cell => ResultsSamples.Ok(cell, 1, 1000))]));
        var matrix = MatrixReader.Read(_folder.File("m.yml"), brief: false);
        Assert.Equal(cells.Select(cell => cell.Id).Order(), matrix.Cells().Select(cell => cell.Id).Order());
        Assert.Equal((1, 18UL, 0.05, 0.0), (matrix.Rounds, matrix.Seed, matrix.Duration.TotalSeconds, matrix.Warmup.TotalSeconds));
    }

    [Fact]
    public void A_suspect_whose_rounds_were_few_gets_as_many_as_its_figures_need()
    {
        var records = Enumerable.Range(1, 5).Select(round => ResultsSamples.Ok(CompareSamples.Deep, round, 1000)).ToList();
        Assert.Equal(5, Suspect.RoundsFor([new Suspect("a", ["iops"], records, records)]));
        Assert.Equal(7, Suspect.RoundsFor([new Suspect("a", [.. Enumerable.Range(0, 20).Select(i => $"{i}")], records, records)]));
    }

    private static IReadOnlyList<FigureResult> Look(int figures, ref SplitMix64 random)
    {
        var judge = new RankJudge(new RankRules { MinEffect = 0, InTurns = true });
        for (int figure = 0; figure < figures; figure++)
        {
            var values = new double[20];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = CompareSamples.Noisy(10, ref random);
            }
            judge.Add(new Figure { Name = "figure", Kind = FigureKind.Timed, Read = _ => null }, new Rounds(values[..10]), new Rounds(values[10..]));
        }
        return judge.Judge();
    }

    private string SlowAtDepth(double factor) => _samples.Run("new", turn: 1, record: record => record.Cell == CompareSamples.Deep.Id
        ? record with { Load = record.Load! with { LatencyUs = record.Load.LatencyUs! with { P50 = record.Load.LatencyUs.P50 * factor } } }
        : record);

    private CompareDocument Confirm(
        string now,
        ComparisonOptions options,
        double freshFactor,
        string? freshFailure = null,
        Func<RunRecord, RunRecord>? header = null,
        CancellationTokenSource? stop = null,
        int stopAfter = int.MaxValue)
    {
        var (was, changed) = (RunPool.Read(_samples.Run("base")), RunPool.Read(now));
        var first = Comparison.Of(was, changed, options);
        var session = new ConfirmationSession(
            new ConfirmedSide("base", was, new Scripted(this, 1, null, header, stop, stopAfter)),
            new ConfirmedSide("new", changed, new Scripted(this, freshFactor, freshFailure, header, stop, stopAfter)),
            _folder.File("confirm"),
            TextWriter.Null);
        return session.Confirm(first, stop?.Token ?? CancellationToken.None);
    }

    private static KeyValuePair<string, string> Canonical(string name, string value) => new(name, Axis.All.Single(axis => axis.Name == name).Canonical(value));

    private static CellVerdict Deep(CompareDocument comparison) => comparison.Cells.Single(cell => cell.Cell == CompareSamples.Deep.Id);

    /// <summary>Stands for a program: reads the matrix as one would, and writes the run that it would have measured.</summary>
    private sealed class Scripted(
        ConfirmTests test, double factor, string? failure, Func<RunRecord, RunRecord>? header, CancellationTokenSource? stop, int stopAfter) : IRoundRunner
    {
        public Task RunAsync(string matrix, string results, CancellationToken cancel)
        {
            var cells = MatrixReader.Read(matrix, brief: false);
            test._turns.Add(Path.GetFileName(results));
            var run = ResultsSamples.Run with { Matrix = cells.Name, DurationSeconds = cells.Duration.TotalSeconds, WarmupSeconds = cells.Warmup.TotalSeconds };
            using var folder = ResultsFolder.Create(results, header is null ? run : header(run), cells.Text);
            var started = ResultsSamples.Noon.AddDays(1).AddMinutes(test._turns.Count);
            var random = new SplitMix64((ulong)test._turns.Count);
            foreach (var cell in cells.Cells())
            {
                test._measured.Add(cell.Id);
                double us = 100 * factor * (1 + (0.01 * random.Below(3)));
                var record = ResultsSamples.Ok(cell, 1, 1000) with { Started = started };
                var latency = new LatencySummary { Min = us, P50 = us, P90 = us, P99 = us, P999 = us, Max = us, Mean = us, Count = 1000 };
                var measured = record with { Load = record.Load! with { LatencyUs = latency } };
                folder.Append(failure is null ? measured : ResultsSamples.Not(cell, 1, CellStatus.Failed, failure), null);
            }
            if (test._turns.Count == stopAfter)
            {
                stop!.Cancel();
            }
            return Task.CompletedTask;
        }
    }
}
