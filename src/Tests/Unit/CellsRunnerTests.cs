using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>The running of cells against a shell script that stands for the program, so that every way of dying can be had at will.</summary>
public sealed class CellsRunnerTests : IDisposable
{
    private const string Serves = "echo \"ready $5\"; trap 'exit 0' TERM; while :; do sleep 0.02; done";
    private const string Loads = """echo '{"ops":10,"errors":0,"seconds":1,"iops":10,"bytes_per_second":40960,"backend":"epoll","wait":"block","client":{}}'""";

    private readonly TempDir _folder = new();
    private readonly Cell _cell = ResultsSamples.Cell("epoll", "read");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_cell_is_a_server_and_a_load_generator_that_gets_the_servers_uri()
    {
        var outcome = await RunAsync(Serves, $"echo \"$*\" > {_folder.Path}/arguments; {Loads}");
        Assert.Equal((CellStatus.Ok, null, 10.0), (outcome.Status, outcome.Reason, outcome.Load!.Iops));
        Assert.Null(outcome.Load.Client.CpuUsPerOp);
        var arguments = File.ReadAllText(_folder.File("arguments"));
        Assert.Matches("^load nbd\\+unix:///\\?socket=/\\S+/nbd --rw read --pattern random --size 4k --depth 64 --connections 1 --duration 1ms --warmup 0s --backend epoll --wait block --seed 1 --json - ", arguments);
    }

    [Theory]
    [InlineData("20000", "constant", " --rate 20000 --arrivals constant ")]
    [InlineData("500", "poisson", " --rate 500 --arrivals poisson ")]
    public async Task A_cell_with_a_rate_is_an_open_loop(string rate, string arrivals, string words)
    {
        var cell = new Cell(new Dictionary<string, string> { ["backend"] = "epoll", ["rate"] = rate, ["arrivals"] = arrivals });
        await RunAsync(Serves, $"echo \"$*\" > {_folder.Path}/arguments; {Loads}", cell: cell);
        Assert.Contains(words, File.ReadAllText(_folder.File("arguments")));
    }

    [Theory]
    [InlineData("echo 'harness serve: no such store' >&2; exit 2", Loads, "the server ended with exit code 2: harness serve: no such store")]
    [InlineData("echo hello", Loads, "the server printed 'hello' where 'ready URI' was expected")]
    [InlineData(Serves, "echo 'harness load: nobody listens' >&2; exit 1", "the load generator ended with exit code 1: harness load: nobody listens")]
    [InlineData(Serves, "echo not json", "the load generator's result cannot be read: ")]
    [InlineData("echo ready x; sleep 0.1; kill -SEGV $$", "sleep 20", "the server was killed by signal 11 (SIGSEGV) during the measurement")]
    [InlineData("echo ready x; trap 'echo lost data >&2; exit 1' TERM; while :; do sleep 0.02; done", Loads, "told to stop, the server ended with exit code 1: lost data")]
    public async Task A_death_is_reported_in_one_line(string serve, string load, string reason)
    {
        var outcome = await RunAsync(serve, load);
        Assert.Equal(CellStatus.Failed, outcome.Status);
        Assert.StartsWith(reason, outcome.Reason);
        Assert.DoesNotContain('\n', outcome.Reason!);
    }

    [Fact]
    public async Task A_store_that_is_a_server_is_a_second_server_that_begins_first_and_ends_last()
    {
        var says = $"echo \"$3 $*\" >> {_folder.Path}/order; echo \"ready $5\"; trap \"echo end $3 >> {_folder.Path}/order; exit 0\" TERM; while :; do sleep 0.02; done";
        var outcome = await RunAsync(says, $"echo \"load $2\" >> {_folder.Path}/order; {Loads}", cell: Behind("stats/nbd:4M", "true"));
        Assert.Equal((CellStatus.Ok, null), (outcome.Status, outcome.Reason));
        var order = File.ReadAllLines(_folder.File("order"));
        var uri = order[0].Split(' ')[5];
        Assert.Equal(5, order.Length);
        Assert.StartsWith($"memory:4194304 serve --block memory:4194304 --listen {uri} --backend epoll --wait block ", order[0]);
        Assert.StartsWith($"stats/nbd:{uri} serve --block stats/nbd:{uri} --listen nbd+unix:", order[1]);
        Assert.Equal(["load", $"end stats/nbd:{uri}", "end memory:4194304"], [order[2].Split(' ')[0], .. order[3..]]);
        Assert.DoesNotContain(uri, order[2]);
        // What is to be filled is filled through both.
        Assert.Equal((false, true), (order[0].Contains(" --fill "), order[1].Contains(" --fill ")));
        Assert.False(Directory.Exists(Path.GetDirectoryName(uri[(uri.IndexOf('=') + 1)..])));
    }

    [Theory]
    [InlineData("echo 'harness serve: no memory' >&2; exit 1", "sleep 20", "the server behind the server ended with exit code 1: harness serve: no memory")]
    [InlineData("echo ready x; sleep 0.3; kill -SEGV $$", "sleep 20", "the server behind the server was killed by signal 11 (SIGSEGV) during the measurement")]
    [InlineData("echo ready x; sleep 0.3; kill -SEGV $$", "sleep 0.4; exit 1", "the server behind the server was killed by signal 11 (SIGSEGV) during the measurement")]
    [InlineData("echo ready x; trap 'echo lost data >&2; exit 1' TERM; while :; do sleep 0.02; done", Loads, "told to stop, the server behind the server ended with exit code 1: lost data")]
    public async Task The_death_of_the_server_behind_the_server_is_reported_as_its_own(string behind, string load, string reason)
    {
        var outcome = await RunAsync($"case $3 in memory:*) {behind};; esac; {Serves}", load, cell: Behind("nbd:4M"));
        Assert.Equal((CellStatus.Failed, reason), (outcome.Status, outcome.Reason));
    }

    private static Cell Behind(string block, string fill = "false") =>
        new(new Dictionary<string, string> { ["backend"] = "epoll", ["block"] = block, ["fill"] = fill });

    [Fact]
    public async Task A_side_that_cannot_run_here_skips_the_cell_with_its_own_words()
    {
        var outcome = await RunAsync("echo 'io_uring is not available: seccomp' >&2; exit 77", Loads);
        Assert.Equal((CellStatus.Skipped, "io_uring is not available: seccomp"), (outcome.Status, outcome.Reason));
    }

    [Fact]
    public async Task Operations_that_failed_fail_the_cell_and_keep_its_figures()
    {
        var outcome = await RunAsync(Serves, Loads.Replace("\"errors\":0", "\"errors\":3,\"first_error\":\"EIO at 4096\""));
        Assert.Equal((CellStatus.Failed, "3 operations failed; the first: EIO at 4096"), (outcome.Status, outcome.Reason));
        Assert.NotNull(outcome.Load);
    }

    [Fact]
    public async Task Cancelling_ends_both_processes()
    {
        using var cancel = new CancellationTokenSource();
        var running = RunAsync($"echo $$ > {_folder.Path}/server; {Serves}", $"echo $$ > {_folder.Path}/load; exec sleep 60", cancel.Token);
        while (!File.Exists(_folder.File("load")) || File.ReadAllText(_folder.File("load")).Length == 0)
        {
            await Task.Delay(10);
        }
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        foreach (var name in (string[])["server", "load"])
        {
            Assert.False(Directory.Exists($"/proc/{File.ReadAllText(_folder.File(name)).Trim()}"));
        }
    }

    [Fact]
    public async Task A_failed_cell_does_not_stop_the_run_and_every_record_is_written_at_once()
    {
        var cells = new[] { ResultsSamples.Cell("epoll", "read"), ResultsSamples.Cell("poll", "read") };
        var results = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        var written = new List<int>();
        using var scripted = new Scripted(cell =>
        {
            written.Add(RunReader.Read(results.Path).Cells.Count);
            return cell.Backend == "poll"
                ? CellOutcome.Failed("the server ended with exit code 1")
                : new CellOutcome(CellStatus.Ok, null, ResultsSamples.Ok(cell, 1, 10).Load, null);
        });
        var outcome = await Runner(scripted, results, rounds: 2).RunAsync(cells, CancellationToken.None);
        Assert.Equal(new RunOutcome(2, 2, false), outcome);
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Equal([0, 1, 2, 3], written);
    }

    [Fact]
    public async Task An_interrupted_run_keeps_what_is_complete()
    {
        var cells = new[] { ResultsSamples.Cell("epoll", "read"), ResultsSamples.Cell("poll", "read") };
        var results = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        using var stop = new CancellationTokenSource();
        using var scripted = new Scripted(cell =>
        {
            stop.Cancel();
            return new CellOutcome(CellStatus.Ok, null, ResultsSamples.Ok(cell, 1, 10).Load, null);
        });
        Assert.Equal(new RunOutcome(1, 0, true), await Runner(scripted, results, rounds: 3).RunAsync(cells, stop.Token));
        Assert.Single(RunReader.Read(results.Path).Cells);
    }

    [Fact]
    public async Task Where_io_uring_is_refused_its_cells_are_skipped_by_name_and_the_others_run()
    {
        var cells = Vocabulary.Backends.Select(backend => ResultsSamples.Cell(backend, "read")).ToArray();
        var results = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        using var scripted = new Scripted(cell => new CellOutcome(CellStatus.Ok, null, ResultsSamples.Ok(cell, 1, 10).Load, null));
        var said = new StringWriter { NewLine = "\n" };
        var runner = Runner(scripted, results, rounds: 1, said);
        var runnable = runner.SkipRefused(cells, new RingFacts { Available = false, Refusal = "a seccomp filter forbids it" });
        Assert.Equal(["poll", "epoll"], runnable.Select(cell => cell.Backend));
        Assert.Equal(ExitCode.Done, (await runner.RunAsync(runnable, CancellationToken.None)).ExitCode);
        Assert.Contains("skipped backend=uring,depth=64,rw=read: io_uring is refused: a seccomp filter forbids it\n", said.ToString());
        Assert.Equal(3, RunReader.Read(results.Path).Cells.Count(record => record.Status == CellStatus.Skipped));
        Assert.Equal(ExitCode.NothingCouldRun, (await Runner(scripted, results, rounds: 1).RunAsync([], CancellationToken.None)).ExitCode);
    }

    [Fact]
    public void A_whole_run_leaves_a_complete_folder_with_its_environment()
    {
        var matrix = _folder.File("tiny.yml");
        File.WriteAllText(matrix, "backend: [poll, epoll]\nrounds: 2\nduration: 1ms\nwarmup: 0s\n");
        var script = _folder.File("program");
        File.WriteAllText(script, $"if [ $1 = serve ]; then\n{Serves}\nelse\n{Loads}\nfi\n");
        var said = new StringWriter { NewLine = "\n" };
        var session = new RunSession
        {
            Matrix = MatrixReader.Read(matrix, brief: false),
            Filter = null,
            ResultsRoot = _folder.File("results"),
            CommandLine = "harness run tiny.yml",
            Program = ["sh", script],
            Messages = said,
        };
        var (outcome, folder) = session.Run(CancellationToken.None);
        Assert.Equal(new RunOutcome(4, 0, false), outcome);
        var data = RunReader.Read(folder);
        Assert.Equal((RunStatus.Complete, 2, "harness run tiny.yml"), (data.Run.Status, data.Run.CellCount, data.Run.CommandLine));
        Assert.NotNull(data.Run.Finished);
        Assert.NotNull(data.Run.Environment.KernelRelease);
        Assert.Equal(4, data.Cells.Count);
        Assert.Contains("4/4  0s left  round 2  ", said.ToString());
    }

    [Fact]
    public void Server_and_load_generator_get_the_first_two_cpus_that_are_allowed()
    {
        var facts = ResultsSamples.Environment with { CpusAllowed = "2-4" };
        var apart = Pinning.Choose(facts, (_, _) => false);
        Assert.Equal((2, 3), (apart.ServerCpu, apart.LoadCpu));
        Assert.Empty(apart.Warnings);
        Assert.Equal("shared-core", Assert.Single(Pinning.Choose(facts, (_, _) => true).Warnings).Id);
        var one = Pinning.Choose(facts with { CpusAllowed = "5" }, (_, _) => false);
        Assert.Equal((5, 5), (one.ServerCpu, one.LoadCpu));
        Assert.Equal(["taskset", "-c", "5"], Pinning.Prefix(5));
    }

    [Theory]
    [InlineData("0-1", 2, "0")]
    [InlineData("0-3", 1, "1")]
    [InlineData("0-3", 2, "1,3")]
    [InlineData("0-3", 3, "1,3,0")]
    [InlineData("0-7", 4, "1,3,4,5")]
    [InlineData("5", 3, "5")]
    public void A_server_of_several_loops_gets_as_many_cpus_where_there_are_so_many(string allowed, int loops, string expected)
    {
        var pinning = Pinning.Choose(ResultsSamples.Environment with { CpusAllowed = allowed }, (_, _) => false);
        Assert.Equal(["taskset", "-c", expected], Pinning.Prefix([.. pinning.ServerCpus(loops)]));
        Assert.Contains(pinning.LoadCpu!.Value, pinning.Cpus(loops));
    }

    [Theory]
    [InlineData("0-1", 1, 2, "1")]
    [InlineData("0-3", 1, 2, "2,3")]
    [InlineData("0-3", 3, 2, "2")]
    [InlineData("0-3", 1, 1, "2")]
    public void A_load_generator_of_two_threads_gets_a_second_cpu_where_the_server_leaves_one(string allowed, int loops, int threads, string expected)
    {
        var pinning = Pinning.Choose(ResultsSamples.Environment with { CpusAllowed = allowed }, (_, _) => false);
        Assert.Equal(["taskset", "-c", expected], Pinning.Prefix([.. pinning.LoadCpus(threads, loops)]));
        Assert.Subset(pinning.Cpus(loops, threads).ToHashSet(), pinning.LoadCpus(threads, loops).ToHashSet());
    }

    [Theory]
    [InlineData("0-1", 1, 1, "1")]
    [InlineData("0-2", 1, 1, "2")]
    [InlineData("0-3", 1, 1, "3")]
    [InlineData("0-3", 1, 2, "0")]
    [InlineData("0-7", 2, 1, "4,5")]
    [InlineData("5", 1, 1, "5")]
    public void A_server_behind_the_server_gets_what_the_others_leave_or_the_load_generators(string allowed, int loops, int threads, string expected)
    {
        var pinning = Pinning.Choose(ResultsSamples.Environment with { CpusAllowed = allowed }, (_, _) => false);
        Assert.Equal(["taskset", "-c", expected], Pinning.Prefix([.. pinning.BehindCpus(loops, threads)]));
        Assert.Subset(pinning.Cpus(loops, threads, hasBehind: true).ToHashSet(), pinning.BehindCpus(loops, threads).ToHashSet());
    }

    [Fact]
    public void Progress_is_plain_lines_where_it_is_not_drawn_on_a_terminal()
    {
        var plain = new StringWriter { NewLine = "\n" };
        var progress = new RunProgress(plain, terminal: false, int.MaxValue, total: 2);
        progress.Begin(1, "backend=epoll", TimeSpan.FromSeconds(2));
        progress.End(1, "backend=epoll", TimeSpan.FromSeconds(90), "10 iops");
        progress.Erase();
        Assert.Equal("1/2  1m30s left  round 1  backend=epoll  10 iops\n", plain.ToString());

        var drawn = new StringWriter { NewLine = "\n" };
        progress = new RunProgress(drawn, terminal: true, 60, total: 2);
        progress.Begin(1, "backend=epoll", TimeSpan.FromSeconds(2));
        progress.End(1, "backend=epoll", TimeSpan.FromSeconds(2), "10 iops");
        progress.Erase();
        Assert.Equal("\r\x1b[2K[                        ] 0/2  4s left  round 1  backend=e\r\x1b[2K", drawn.ToString());
    }

    private static MatrixRunner Runner(ICellRunner runner, ResultsFolder results, int rounds, TextWriter? said = null)
    {
        var matrix = new MatrixDefinition
        {
            Name = "m",
            Text = "",
            Rounds = rounds,
            Seed = 1,
            Duration = TimeSpan.FromSeconds(1),
            Warmup = TimeSpan.Zero,
            Values = new Dictionary<string, string[]>(),
        };
        return new MatrixRunner(matrix, runner, results, new RunProgress(said ?? TextWriter.Null, terminal: false, int.MaxValue, 1), kept: []);
    }

    private async Task<CellOutcome> RunAsync(string serve, string load, CancellationToken cancel = default, Cell? cell = null)
    {
        var script = _folder.File("program");
        File.WriteAllText(script, $"if [ $1 = serve ]; then\n{serve}\nelse\n{load}\nfi\n");
        using var runner = new CellRunner(new CellSettings
        {
            Program = ["sh", script],
            Pinning = new Pinning(null, null, []),
            Duration = TimeSpan.FromMilliseconds(1),
            Warmup = TimeSpan.Zero,
            Seed = 1,
        });
        return await runner.RunAsync(cell ?? _cell, cancel);
    }

    private sealed class Scripted(Func<Cell, CellOutcome> outcome) : ICellRunner
    {
        public Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel) => Task.FromResult(outcome(cell));

        public void Dispose()
        {
        }
    }
}
