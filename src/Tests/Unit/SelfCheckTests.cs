using Harness.Compare;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.SelfCheck;
using Harness.Serve;

namespace Harness.Tests.Unit;

/// <summary>The check of the gate, on machines whose truth is known: it passes where the gate works, and fails in every way in which it may not.</summary>
public sealed class SelfCheckTests : IDisposable
{
    private const int Rounds = 10;

    private readonly TempDir _folder = new();
    private readonly StringWriter _said = new() { NewLine = "\n" };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_gate_that_works_passes_with_every_regression_found_by_its_own_figure()
    {
        var document = Check(new SelfCheckSamples(), 3, out string folder);
        Assert.True(document.Summary.Passed, File.ReadAllText(Path.Combine(folder, "self-check.md")));
        Assert.Equal((3, 0, 1), (document.Summary.Comparisons, document.Summary.InvariantFalseAlarms, document.Summary.RankedFalseAlarmsAllowed));
        Assert.Equal(SeededRegression.Kinds.Select(kind => KeyValuePair.Create(kind, 3)), document.Summary.Found);
        Assert.Equal(["counted", "counted", "timed"], document.Results[0].Seeded.Select(seeded => seeded.Gate.ToString().ToLowerInvariant()));
        Assert.Contains(Finding(document, SeededRegression.SystemCall), finding => finding is { Figure: "server.syscalls_per_op", Kind: FigureKind.Invariant });
        Assert.Contains(Finding(document, SeededRegression.Allocation), finding => finding is { Figure: "server.allocated_bytes_per_op", New: 24 });
        Assert.Contains(Finding(document, SeededRegression.BusyWait), finding => finding is { Figure: "latency_us.p50", Kind: FigureKind.Timed });
        Assert.NotNull(document.Finished);
        Assert.Contains("3/3  0m00s left  no false alarm; found system-call, allocation, busy-wait\n", _said.ToString());
        Assert.StartsWith("# self-check: the gate works\n", File.ReadAllText(Path.Combine(folder, "self-check.md")));
        AssertSmallAndReadable(folder);
    }

    [Theory]
    [InlineData(SeededRegression.SystemCall)]
    [InlineData(SeededRegression.Allocation)]
    [InlineData(SeededRegression.BusyWait)]
    public void A_regression_that_is_not_found_once_is_a_failure(string kind)
    {
        var document = Check(new SelfCheckSamples { Acts = seeded => seeded != kind }, 2, out _);
        Assert.False(document.Summary.Passed);
        Assert.Equal(0, document.Summary.Found[kind]);
        Assert.Contains($"NOT FOUND: {kind}", _said.ToString());
        Assert.Equal(2, document.Summary.Found.Count(found => found.Value == 2));
    }

    [Fact]
    public void Another_figure_that_gets_worse_is_not_taken_for_the_regression()
    {
        var samples = new SelfCheckSamples
        {
            Acts = seeded => seeded != SeededRegression.Allocation,
            Distort = (side, _, record) => side == SeededRegression.Allocation ? Costlier(record, calls: 1) : record,
        };
        Assert.Equal(0, Check(samples, 1, out _).Summary.Found[SeededRegression.Allocation]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void One_false_alarm_in_an_exact_figure_is_a_failure_in_either_direction(int calls)
    {
        var samples = new SelfCheckSamples
        {
            Distort = (side, number, record) => side == SelfCheckPlan.SameBuild && number == 2 && record.Cell == "backend=uring,depth=1,rw=read"
                ? Costlier(record, calls)
                : record,
        };
        var document = Check(samples, 2, out _);
        Assert.Equal((1, 0), (document.Summary.InvariantFalseAlarms, document.Summary.RankedFalseAlarms));
        Assert.False(document.Summary.Passed);
        Assert.Contains("2/2  0m00s left  false alarm: ", _said.ToString());
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public void One_false_alarm_in_time_may_be_and_two_may_not(int slow, bool passes)
    {
        var samples = new SelfCheckSamples
        {
            Distort = (side, number, record) => side == SelfCheckPlan.SameBuild && number <= slow
                ? record with { Load = record.Load! with { Iops = record.Load.Iops / 2 } }
                : record,
        };
        var document = Check(samples, 3, out _);
        Assert.Equal((0, slow), (document.Summary.InvariantFalseAlarms, document.Summary.RankedFalseAlarms));
        Assert.Equal(passes, document.Summary.Passed);
        Assert.All(document.Results.Take(slow), result => Assert.Contains(result.SameBuild.FalseAlarms, alarm => alarm.Figure == "iops"));
    }

    [Fact]
    public void A_cell_that_fails_in_one_of_the_two_is_a_false_alarm_with_its_reason()
    {
        var samples = new SelfCheckSamples
        {
            Distort = (side, _, record) => side == SelfCheckPlan.SameBuild && record.Axes["depth"] == "64"
                ? record with { Status = CellStatus.Failed, Reason = "the server was killed", Load = null }
                : record,
        };
        var document = Check(samples, 1, out _);
        Assert.Equal((0, 1), (document.Summary.InvariantFalseAlarms, document.Summary.RankedFalseAlarms));
        Assert.Contains("the server was killed", Assert.Single(document.Results[0].SameBuild.FalseAlarms).Reason);
    }

    [Fact]
    public void Sides_are_measured_in_turns_with_the_same_seed_and_counted_regressions_in_every_third_round()
    {
        var samples = new SelfCheckSamples();
        Check(samples, 1, out _);
        var rounds = samples.Measured.GroupBy(round => round.Seed).Select(round => round.Select(side => side.Side).ToArray()).ToList();
        Assert.Equal(Rounds, rounds.Count);
        Assert.Equal([SelfCheckPlan.Base, SelfCheckPlan.SameBuild, .. SeededRegression.Kinds], rounds[0]);
        Assert.Equal([SelfCheckPlan.SameBuild, SelfCheckPlan.Base, SeededRegression.BusyWait], rounds[1]);
        Assert.Equal(4, rounds.Count(round => round.Contains(SeededRegression.Allocation)));
        Assert.Equal(samples.Measured.Sum(round => round.Cells.Length), Plan(1).Measurements);
        Assert.Equal(["backend=uring,depth=1,rw=read"], samples.Measured.First(round => round.Side == SeededRegression.SystemCall).Cells);
        Assert.All(samples.Measured.First(round => round.Side == SeededRegression.BusyWait).Cells, cell => Assert.Contains("wait=spin,depth=1", cell));
    }

    [Fact]
    public void One_that_was_cut_short_makes_the_comparison_anew_that_it_was_in_and_no_other()
    {
        using var stop = new CancellationTokenSource();
        var samples = new SelfCheckSamples();
        int perComparison = Enumerable.Range(1, Rounds).Sum(round => Plan(1).Turn(1, round).Count());
        var interrupted = new SelfCheckSamples
        {
            Before = done =>
            {
                if (done == perComparison + 7)
                {
                    stop.Cancel();
                }
            },
        };
        var folder = Begin(2);
        Assert.False(new SelfCheckSession(Plan(2), folder, interrupted, _said).Run(stop.Token));
        Assert.Equal((1, null), (folder.Document.Summary.Comparisons, folder.Document.Summary.Passed));
        Assert.Contains("not finished, 1 of 2 comparisons", File.ReadAllText(Path.Combine(folder.Path, "self-check.md")));

        var again = SelfCheckFolder.Open(folder.Path);
        var plan = SelfCheckPlan.Of(again.ReadMatrix(), again.Document.Comparisons, again.Document.Rounds);
        Assert.True(new SelfCheckSession(plan, again, samples, _said).Run(default));
        Assert.Equal(perComparison, samples.Measured.Count);
        Assert.True(again.Document.Summary.Passed);
        Assert.Equal([1, 2], again.Document.Results.Select(result => result.Number));
        Assert.Equal(Rounds, Directory.GetDirectories(Path.Combine(again.Side(2, SelfCheckPlan.Base), ResultsSamples.Run.Machine)).Length);
    }

    [Fact]
    public void It_does_not_go_on_with_another_build_or_on_another_machine()
    {
        var folder = Begin(2);
        var otherBuild = new SelfCheckSamples { Header = ResultsSamples.Run with { Build = "b" } };
        new SelfCheckSession(Plan(1), folder, otherBuild, _said).Run(default);
        var rebuilt = new SelfCheckSamples { Header = ResultsSamples.Run with { Build = "c" } };
        var refusal = Assert.Throws<HarnessException>(() => new SelfCheckSession(Plan(2), folder, rebuilt, _said).Run(default));
        Assert.Equal($"'{folder.Path}' was begun by another build; restore that one, or begin anew", refusal.Message);
        var moved = new SelfCheckSamples { Header = otherBuild.Header with { Environment = ResultsSamples.Environment with { KernelRelease = "6.18.0" } } };
        refusal = Assert.Throws<HarnessException>(() => new SelfCheckSession(Plan(2), folder, moved, _said).Run(default));
        Assert.Contains("another state of the machine", refusal.Message);
    }

    [Fact]
    public void A_cell_that_cannot_run_here_ends_it_since_nothing_would_be_found_in_it()
    {
        var samples = new SelfCheckSamples
        {
            Distort = (_, _, record) => record with { Status = CellStatus.Skipped, Reason = "io_uring is refused", Load = null },
        };
        var refusal = Assert.Throws<HarnessException>(() => Check(samples, 1, out _));
        Assert.Equal(ExitCode.NothingCouldRun, refusal.ExitCode);
        Assert.Equal("'backend=uring,wait=spin,depth=1,rw=read' cannot run here: io_uring is refused; give a matrix without it", refusal.Message);
    }

    [Theory]
    [InlineData("backend: epoll\ndepth: 1\n", "wait=spin, depth=1 and one connection, in which to find busy-wait")]
    [InlineData("backend: epoll\ndepth: 1\nwait: spin\n", "wait=block, depth=1 and one connection, in which to find system-call and allocation")]
    public void A_matrix_in_which_a_regression_cannot_be_found_is_refused(string yaml, string line)
    {
        File.WriteAllText(_folder.File("m.yml"), yaml);
        var refusal = Assert.Throws<HarnessException>(() => SelfCheckPlan.Of(MatrixReader.Read(_folder.File("m.yml"), brief: false), 1, 1));
        Assert.Equal(ExitCode.Usage, refusal.ExitCode);
        Assert.Contains(line, refusal.Message);
    }

    [Theory]
    [InlineData("self-check --comparisons 0", 2, "--comparisons: '0' is not a whole number from 1 to 99")]
    [InlineData("self-check --resume x --rounds 3", 2, "--resume goes on with what was to be compared; leave --rounds away")]
    [InlineData("self-check --resume x", 2, "'x' holds no self-check.json; give a folder that harness self-check wrote")]
    [InlineData("self-check none.yml", 2, "cannot read the matrix 'none.yml'")]
    public void Mistakes_are_one_line(string commandLine, int code, string line)
    {
        var result = VerbConsole.Invoke(commandLine.Split(' '));
        Assert.Equal(code, result.Code);
        Assert.Contains(line, Assert.Single(result.Error.TrimEnd('\n').Split('\n')));
    }

    private static IEnumerable<SelfCheckFinding> Finding(SelfCheckDocument document, string kind) =>
        document.Results[0].Seeded.Single(seeded => seeded.Kind == kind).Findings;

    private static CellRecord Costlier(CellRecord record, double calls) => record with
    {
        Load = record.Load! with { Server = record.Load.Server! with { SyscallsPerOp = record.Load.Server.SyscallsPerOp + calls } },
    };

    private static MatrixDefinition Matrix => MatrixReader.Read(Path.Combine(Repository.Root, "bench", "aa.yml"), brief: false);

    private static SelfCheckPlan Plan(int comparisons) => SelfCheckPlan.Of(Matrix, comparisons, Rounds);

    private SelfCheckDocument Check(SelfCheckSamples machine, int comparisons, out string path)
    {
        var folder = Begin(comparisons);
        path = folder.Path;
        Assert.True(new SelfCheckSession(Plan(comparisons), folder, machine, _said).Run(default));
        return SelfCheckFolder.Open(folder.Path).Document;
    }

    private SelfCheckFolder Begin(int comparisons) => SelfCheckFolder.Create(_folder.Path, Document(comparisons), Matrix.Text);

    internal static SelfCheckDocument Document(int comparisons) => new()
    {
        Matrix = "aa",
        Machine = ResultsSamples.Run.Machine,
        Commit = "0123456789",
        Build = "b",
        CommandLine = "harness self-check",
        Brief = false,
        Started = ResultsSamples.Noon,
        Comparisons = comparisons,
        Rounds = Rounds,
        DurationSeconds = 0.25,
        WarmupSeconds = 0.3,
        Cells = [.. Matrix.Cells().Select(cell => cell.Id)],
        Environment = ResultsSamples.Environment,
    };

    // Twenty comparisons go into the repository.
    private static void AssertSmallAndReadable(string folder)
    {
        var files = new DirectoryInfo(folder).GetFiles("*", SearchOption.TopDirectoryOnly)
            .Concat(new DirectoryInfo(Path.Combine(folder, "comparisons")).GetFiles());
        Assert.InRange(files.Sum(file => file.Length), 1, 3 * 30_000);
        string comparison = File.ReadAllText(Path.Combine(folder, "comparisons", "01-busy-wait.json"));
        Assert.Contains("\"raw/01/base/", comparison);
        Assert.DoesNotContain(folder, comparison);
    }
}
