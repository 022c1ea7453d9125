using Harness.Compare;
using Harness.Results;

namespace Harness.Tests.Unit;

public sealed class CompareVerdictTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly CompareSamples _samples;

    public CompareVerdictTests() => _samples = new CompareSamples(_folder);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_build_against_itself_is_the_same_by_the_figures_that_are_counted()
    {
        var comparison = CompareSamples.Compare(_samples.Run("base"), _samples.Run("new", turn: 1));
        Assert.Equal(Verdict.Same, comparison.Verdict);
        Assert.True(comparison.InTurns);
        Assert.All(comparison.Cells, cell => Assert.Equal((Verdict.Same, null), (cell.Verdict, cell.DecidedBy)));
        Assert.DoesNotContain(comparison.Cells.SelectMany(cell => cell.Figures), figure => figure.Verdict is Verdict.Worse or Verdict.Better);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_more_system_call_per_request_is_found_by_the_gate_on_counted_figures(bool gateAll)
    {
        var gate = gateAll ? Gate.All : Gate.Counted;
        var now = _samples.Run("new", turn: 1, load: load => load with { Server = load.Server! with { SyscallsPerOp = load.Server.SyscallsPerOp + 1 } });
        var comparison = CompareSamples.Compare(_samples.Run("base"), now, new ComparisonOptions { Gate = gate });
        Assert.Equal(Verdict.Worse, comparison.Verdict);
        var cell = comparison.Cells.Single(cell => cell.Cell == CompareSamples.DepthOne.Id);
        Assert.Equal(("server.syscalls_per_op", FigureKind.Invariant), (cell.DecidedBy, cell.Decider!.Kind));
        // At depth the same call counts as load-dependent: found, and not gated by default.
        var deep = comparison.Cells.Single(cell => cell.Cell == CompareSamples.Deep.Id).Figures.Single(figure => figure.Figure == "server.syscalls_per_op");
        Assert.Equal((FigureKind.LoadDependent, Verdict.Worse, gateAll), (deep.Kind, deep.Verdict, deep.Gated));
    }

    [Theory]
    [InlineData(24, "worse")]
    [InlineData(0, "same")]
    public void One_object_per_request_is_found_at_any_depth(double bytes, string verdict)
    {
        var now = _samples.Run("new", turn: 1, load: load => load with { Client = load.Client with { AllocatedBytesPerOp = bytes } });
        Assert.All(CompareSamples.Compare(_samples.Run("base"), now).Cells, cell => Assert.Equal(verdict, cell.Verdict.Words()));
    }

    [Fact]
    public void A_byte_on_the_wire_is_found_and_one_saved_is_better()
    {
        var (was, now) = (_samples.Run("base"), _samples.Run("new", turn: 1, load: load => load with { Server = load.Server! with { BytesSentPerOp = 4113 } }));
        Assert.Equal(["server.bytes_sent_per_op"], CompareSamples.Compare(was, now).Cells.Select(cell => cell.DecidedBy).Distinct());
        Assert.Equal(Verdict.Better, CompareSamples.Compare(now, was).Verdict);
    }

    [Fact]
    public void A_slower_build_is_found_by_the_gate_on_timed_figures_alone()
    {
        var now = _samples.Run("new", turn: 1, load: load => load with
        {
            Iops = load.Iops / 1.7,
            LatencyUs = load.LatencyUs! with { P50 = load.LatencyUs.P50 * 1.7, P99 = load.LatencyUs.P99 * 1.7 },
        });
        var was = _samples.Run("base");
        Assert.Equal(Verdict.Same, CompareSamples.Compare(was, now).Verdict);
        var timed = CompareSamples.Compare(was, now, new ComparisonOptions { Gate = Gate.Timed });
        Assert.Equal(Verdict.Worse, timed.Verdict);
        Assert.All(timed.Cells, cell => Assert.Contains(cell.DecidedBy, new[] { "iops", "latency_us.p50", "latency_us.p99" }));
    }

    [Theory]
    [InlineData(2.0001, 2.0003, "same")]
    [InlineData(2.0001, 2.1, "worse")]
    [InlineData(3.0, 2.0, "better")]
    public void The_tolerance_of_an_invariant_figure_comes_from_its_operations(double was, double now, string verdict)
    {
        var result = InvariantJudge.Judge(Calls, [Load(10_000, was)], [Load(10_000, now)]);
        Assert.Equal(verdict, result.Verdict.Words());
        Assert.Equal(16 / 10_000.0, result.Tolerance!.Value, 6);
    }

    [Fact]
    public void Of_a_handful_of_operations_nothing_exact_is_said()
    {
        var result = InvariantJudge.Judge(Calls, [Load(10, 2)], [Load(10_000, 3)]);
        Assert.Equal((Verdict.CannotSay, "too few operations to be exact in every round; 32 would do"), (result.Verdict, result.Reason));
    }

    [Fact]
    public void A_starved_round_is_left_out_of_what_is_exact()
    {
        var result = InvariantJudge.Judge(Calls, [Load(10_000, 2), Load(5, 9)], [Load(10_000, 2), Load(10_000, 2)]);
        Assert.Equal((Verdict.Same, 1, 2), (result.Verdict, result.BaseRounds, result.NewRounds));
    }

    [Fact]
    public void Rounds_that_do_not_agree_are_no_exact_figure()
    {
        var result = InvariantJudge.Judge(Calls, [Load(10_000, 2), Load(10_000, 4), Load(10_000, 2)], [Load(10_000, 3), Load(10_000, 3), Load(10_000, 3)]);
        Assert.Equal(Verdict.CannotSay, result.Verdict);
    }

    [Fact]
    public void Mixed_requests_have_no_exact_bytes_and_a_deep_queue_no_exact_calls()
    {
        Assert.Equal(FigureKind.LoadDependent, Kind("server.bytes_sent_per_op", ("rw", "mix:70"), ("depth", "1")));
        Assert.Equal(FigureKind.Invariant, Kind("server.bytes_sent_per_op", ("rw", "write"), ("depth", "64")));
        Assert.Equal(FigureKind.Invariant, Kind("client.syscalls_per_op", ("rw", "read"), ("depth", "1")));
        Assert.Equal(FigureKind.LoadDependent, Kind("client.syscalls_per_op", ("rw", "read"), ("depth", "1"), ("wait", "spin")));
        Assert.Equal(FigureKind.LoadDependent, Kind("client.syscalls_per_op", ("rw", "read"), ("depth", "1"), ("connections", "2")));
        Assert.Equal(FigureKind.Invariant, Kind("client.allocated_bytes_per_op", ("rw", "mix:70"), ("depth", "64")));

        static FigureKind Kind(string figure, params (string Axis, string Value)[] axes) =>
            FigureCatalog.Of(axes.ToDictionary(axis => axis.Axis, axis => axis.Value), []).Single(candidate => candidate.Name == figure).Kind;
    }

    [Fact]
    public void Entries_by_opcode_are_figures_of_their_own_and_an_opcode_that_is_not_named_was_not_used()
    {
        var was = _samples.Run("base", load: load => WithSqes(load, ("RECV", 1), ("SENDMSG", 1)));
        var now = _samples.Run("new", turn: 1, load: load => WithSqes(load, ("RECV", 1), ("SENDMSG", 1), ("TIMEOUT", 1)));
        var cell = CompareSamples.Compare(was, now).Cells.Single(cell => cell.Cell == CompareSamples.DepthOne.Id);
        Assert.Equal("server.sqes_by_opcode_per_op.TIMEOUT", cell.DecidedBy);
        Assert.Equal((0, 1), (cell.Decider!.Base, cell.Decider.New));
    }

    [Fact]
    public void A_cell_that_fails_now_is_a_regression_and_one_that_is_not_there_is_not()
    {
        var was = _samples.Run("base");
        var fails = _samples.Run("fails", turn: 1, record: record => record.Round == 2 && record.Cell == CompareSamples.Deep.Id
            ? ResultsSamples.Not(CompareSamples.Deep, 2, CellStatus.Failed, "the server was killed by signal 11 (SIGSEGV)")
            : record);
        var cell = CompareSamples.Compare(was, fails).Cells.Single(cell => cell.Verdict == Verdict.Worse);
        Assert.Equal("fails in 1 of 10 rounds, and never did in BASE: the server was killed by signal 11 (SIGSEGV)", cell.Reason);

        var skipped = _samples.Run("skipped", turn: 1, record: record => record.Cell == CompareSamples.Deep.Id
            ? ResultsSamples.Not(CompareSamples.Deep, record.Round, CellStatus.Skipped, "io_uring is refused")
            : record);
        var comparison = CompareSamples.Compare(was, skipped);
        Assert.Equal(Verdict.CannotSay, comparison.Verdict);
        Assert.Equal("no figures in NEW: io_uring is refused", comparison.Cells.Single(cell => cell.Verdict == Verdict.CannotSay).Reason);
    }

    [Fact]
    public void Several_runs_of_a_round_each_count_as_one_run()
    {
        foreach (int round in Enumerable.Range(1, 6))
        {
            _samples.Run("pool/base", rounds: 1, started: ResultsSamples.Noon.AddHours(round));
            _samples.Run("pool/new", rounds: 1, started: ResultsSamples.Noon.AddHours(round).AddMinutes(10));
        }
        var comparison = CompareSamples.Compare(_folder.File("pool/base"), _folder.File("pool/new"));
        Assert.True(comparison.InTurns);
        Assert.Equal((6, 6), (comparison.Base.Runs.Count, comparison.New.Runs.Count));
        Assert.All(comparison.Cells.SelectMany(cell => cell.Figures), figure => Assert.Equal((6, 6), (figure.BaseRounds, figure.NewRounds)));
    }

    private static Figure Calls => FigureCatalog.Of(CompareSamples.DepthOne.Values, []).Single(figure => figure.Name == "server.syscalls_per_op");

    private static LoadResult Load(long ops, double calls)
    {
        var load = ResultsSamples.Ok(CompareSamples.DepthOne, 1, ops).Load!;
        return load with { Ops = ops, Server = load.Server! with { SyscallsPerOp = calls } };
    }

    private static LoadResult WithSqes(LoadResult load, params (string Opcode, double PerOp)[] sqes) =>
        load with { Server = load.Server! with { SqesByOpcodePerOp = sqes.ToDictionary(entry => entry.Opcode, entry => entry.PerOp) } };
}
