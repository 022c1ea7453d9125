using System.Globalization;
using HdrHistogram;
using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary>The real runner with real servers and load generators: killed, interrupted, resumed.</summary>
public sealed class RunnerTests : IDisposable
{
    private const int Cells = 4;
    private const int Rounds = 2;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly TempDir _folder = new();
    private readonly string _matrix;
    private readonly Dictionary<string, string?> _environment;

    public RunnerTests()
    {
        _environment = new() { ["TMPDIR"] = Directory.CreateDirectory(_folder.File("tmp")).FullName };
        _matrix = _folder.File("tiny.yml");
        File.WriteAllText(_matrix, $"backend: [poll, epoll]\ntransport: [unix, tcp]\ndepth: 4\nblock: memory:4M\nrounds: {Rounds}\nduration: 30ms\nwarmup: 10ms\n");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Killed_at_random_moments_and_resumed_it_finishes_with_no_cell_lost_or_doubled()
    {
        var random = new Random(20260301);
        var kills = 0;
        for (var run = 0; run < TestScale.Pick(2, 10); run++)
        {
            var results = _folder.File($"results{run}");
            kills += KillSomewhere(["run", _matrix, "--results", results], results, random) ? 1 : 0;
            // A kill before the folder was there has begun nothing, so there is nothing to go on with.
            if (Folder(results) is not { } folder)
            {
                continue;
            }
            kills += KillSomewhere(["run", "--resume", folder], results, random) ? 1 : 0;
            var (code, said) = Run("run", "--resume", folder);
            Assert.True(code == 0, said);
            AssertComplete(folder);
        }
        Assert.True(kills > 0, "every run ended before its kill");
    }

    // After some cells, and then somewhere within one: a cell takes about half a second on an idle machine.
    private bool KillSomewhere(string[] arguments, string results, Random random)
    {
        using var runner = Child.Start(HarnessServer.Program, arguments, _environment);
        var done = Folder(results) is { } folder ? File.ReadLines(Path.Combine(folder, "cells.jsonl")).Count() : 0;
        WaitForCells(results, Math.Min(done + random.Next(0, 4), (Cells * Rounds) - 1));
        Thread.Sleep(random.Next(0, 600));
        var killed = Kill(runner);
        AssertNobodyIsLeft();
        return killed;
    }

    [Theory]
    [MemberData(nameof(ServerCases.Interruptions), MemberType = typeof(ServerCases))]
    public void Interrupted_it_leaves_a_valid_folder_that_can_be_resumed(string signal)
    {
        var results = _folder.File("results");
        using (var runner = Child.Start(HarnessServer.Program, ["run", _matrix, "--results", results], _environment))
        {
            WaitForCells(results, 1);
            runner.Signal(signal);
            Assert.Equal(1, runner.WaitForExit(s_patience));
            Assert.Contains("interrupted; ", runner.Errors);
            Assert.Contains("--resume", runner.Errors);
        }
        AssertNobodyIsLeft();
        var folder = Folder(results)!;
        var data = RunReader.Read(folder);
        Assert.Equal(RunStatus.Interrupted, data.Run.Status);
        Assert.Empty(data.Problems);
        Assert.InRange(data.Cells.Count, 1, (Cells * Rounds) - 1);
        var (code, said) = Run("run", "--resume", folder);
        Assert.True(code == 0, said);
        AssertComplete(folder);
        // Once more: there is nothing left to do, and nothing is done.
        var before = File.ReadAllText(Path.Combine(folder, "cells.jsonl"));
        Assert.Equal(0, Run("run", "--resume", folder).Code);
        Assert.Equal(before, File.ReadAllText(Path.Combine(folder, "cells.jsonl")));
    }

    [Fact]
    public void A_run_of_another_environment_is_not_resumed_and_the_line_is_named()
    {
        var results = _folder.File("results");
        Assert.True(KillAfterCells(results, 1));
        var folder = Folder(results)!;
        var file = Path.Combine(folder, "run.json");
        var kernel = RunReader.Read(folder).Run.Environment.KernelRelease!;
        File.WriteAllText(file, File.ReadAllText(file).Replace($"\"kernel_release\": \"{kernel}\"", "\"kernel_release\": \"2.6.39\""));
        var (code, said) = Run("run", "--resume", folder);
        Assert.Equal(1, code);
        Assert.Contains($"environment.kernel_release was '2.6.39' and is '{kernel}'", said);
    }

    [Fact]
    public void A_rate_in_percent_is_a_share_of_a_closed_loop_that_a_resumed_run_does_not_measure_again()
    {
        var results = _folder.File("results");
        File.WriteAllText(_matrix, "backend: epoll\ndepth: 4\nrate: 50%\nblock: memory:4M\nrounds: 3\nduration: 200ms\nwarmup: 10ms\n");
        Assert.True(KillAfterCells(results, 1));
        var folder = Folder(results)!;
        const string Closed = "backend=epoll,depth=4,rw=read,block=memory:4M";
        double measured = RunReader.Read(folder).Run.SaturatedRates[Closed];
        Assert.Equal(measured / 2, RunReader.Read(folder).Cells[0].Load!.RateOffered!.Value, 0.02 * measured);
        var file = Path.Combine(folder, "run.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace($"\"{Closed}\": {measured.ToString(CultureInfo.InvariantCulture)}", $"\"{Closed}\": 1000"));
        var (code, said) = Run("run", "--resume", folder);
        Assert.True(code == 0, said);
        Assert.DoesNotContain("saturated at", said);
        Assert.Equal(500, RunReader.Read(folder).Cells[^1].Load!.RateOffered!.Value, 20.0);
        Assert.Equal(1000, RunReader.Read(folder).Run.SaturatedRates[Closed]);
    }

    [Fact]
    public void Strict_exits_4_before_anything_runs_where_the_machine_is_known_to_be_unfit()
    {
        // One CPU for two processes is unfit on every machine.
        var results = _folder.File("results");
        string allowed = File.ReadLines("/proc/self/status").First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
        var cpu = Measure.CpuList.Parse(allowed.Split(':')[1].Trim())[0];
        using var runner = Child.Start(Requires.Tool("taskset"), ["-c", cpu.ToString(CultureInfo.InvariantCulture), HarnessServer.Program, "run", _matrix, "--strict", "--results", results], _environment);
        Assert.Equal(4, runner.WaitForExit(s_patience));
        Assert.Contains("this machine is unfit, and --strict was asked for: ", runner.Errors);
        Assert.Contains("only one CPU may be used", runner.Errors);
        Assert.False(Directory.Exists(results));
    }

    [Fact]
    public void Cells_record_what_disturbed_them_and_tcp_has_the_forced_congestion_control()
    {
        var results = _folder.File("results");
        var (code, said) = Run("run", _matrix, "--results", results, "--rounds", "1", "--filter", "transport=tcp");
        Assert.True(code == 0, said);
        var data = RunReader.Read(Folder(results)!);
        Assert.Equal("reno", data.Run.TcpCongestionControl);
        Assert.Equal(Compare.Fingerprint.Of(data.Run).Hash, data.Run.FingerprintHash);
        Assert.Matches("^[0-9a-f]{12}$", data.Run.Build);
        Assert.All(data.Cells, cell =>
        {
            Assert.NotNull(cell.Disturbance?.StealPercent);
            Assert.NotNull(cell.Disturbance?.OtherPercent);
            Assert.NotNull(cell.Load!.Client.JitMethodsInWindow);
            Assert.NotNull(cell.Load.Server!.JitMethodsInWindow);
            Assert.NotNull(cell.Load.WarmupSeconds);
        });
    }

    [Fact]
    public void A_congestion_control_that_the_kernel_does_not_have_is_one_line()
    {
        var (code, said) = Run("serve", "--listen", "nbd://127.0.0.1:0", "--backend", "epoll", "--tcp-congestion", "nosuch");
        Assert.Equal(1, code);
        Assert.Contains("cannot set the TCP congestion control 'nosuch'", said);
        (code, said) = Run("load", "nbd://127.0.0.1:1", "--backend", "epoll", "--tcp-congestion", "nosuch");
        Assert.Equal(1, code);
        Assert.Contains("cannot set the TCP congestion control 'nosuch'", said);
    }

    [Fact]
    public void An_open_loop_leaves_its_three_histograms_for_every_round_and_a_closed_one_only_its_latencies()
    {
        var results = _folder.File("results");
        File.WriteAllText(_matrix, "backend: epoll\nrate: [closed, 500]\ndepth: 4\nblock: memory:4M\nrounds: 2\nduration: 100ms\nwarmup: 10ms\n");
        var (code, said) = Run("run", _matrix, "--results", results);
        Assert.True(code == 0, said);
        var latencies = new LatencyFiles(Folder(results)!);
        foreach (var rounds in RunReader.Read(Folder(results)!).Cells.GroupBy(record => record.Cell))
        {
            var counts = LatencyKinds.All.Select(kind => latencies.Intervals(rounds.Key, kind).Sum(interval => interval.TotalCount));
            var ops = rounds.Sum(record => record.Load!.Ops);
            Assert.Equal(rounds.First().Axes["rate"] == "closed" ? [ops, 0, 0] : [ops, ops, ops], counts);
        }
    }

    private bool KillAfterCells(string results, int cells)
    {
        using var runner = Child.Start(HarnessServer.Program, ["run", _matrix, "--results", results], _environment);
        WaitForCells(results, cells);
        return Kill(runner);
    }

    /// <summary>SIGKILL to the runner alone, not to its children. False where it had ended by itself.</summary>
    private static bool Kill(Child runner)
    {
        runner.Signal("KILL");
        var code = runner.WaitForExit(s_patience);
        Assert.NotNull(code);
        return code == 128 + 9;
    }

    private (int Code, string Said) Run(params string[] arguments)
    {
        using var harness = Child.Start(HarnessServer.Program, arguments, _environment);
        var code = harness.WaitForExit(s_patience);
        return (code ?? -1, harness.Output + harness.Errors);
    }

    private static void WaitForCells(string results, int cells)
    {
        var deadline = DateTime.UtcNow + s_patience;
        while (cells > 0 && (Folder(results) is not { } folder || File.ReadLines(Path.Combine(folder, "cells.jsonl")).Count() < cells))
        {
            Assert.True(DateTime.UtcNow < deadline, "no cell was measured");
            Thread.Sleep(20);
        }
    }

    private static string? Folder(string results) => Directory.Exists(results)
        ? Directory.GetDirectories(results)
            .SelectMany(machine => Directory.GetDirectories(machine))
            .SingleOrDefault(path => !Path.GetFileName(path).StartsWith('.'))
        : null;

    private void AssertNobodyIsLeft()
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (Children() is [_, ..] children)
        {
            Assert.True(DateTime.UtcNow < deadline, $"outlived their runner: {string.Join(", ", children)}");
            Thread.Sleep(50);
        }
    }

    /// <summary>The processes of cells, which know their runner by its scratch folder: that lies in this test's own folder.</summary>
    private string[] Children() =>
    [
        .. Directory.GetDirectories("/proc")
            .Where(path => int.TryParse(Path.GetFileName(path), out _))
            .Where(path => Read(path, "environ").Contains($"HARNESS_LIFELINE={_folder.Path}/", StringComparison.Ordinal))
            .Select(path => Read(path, "cmdline").Replace('\0', ' ')),
    ];

    private static string Read(string process, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static void AssertComplete(string folder)
    {
        var data = RunReader.Read(folder);
        Assert.Empty(data.Problems);
        Assert.Equal(RunStatus.Complete, data.Run.Status);
        Assert.Equal(Cells * Rounds, data.Cells.Count);
        Assert.Equal(Cells * Rounds, data.Cells.DistinctBy(record => (record.Cell, record.Round)).Count());
        Assert.All(data.Cells, record => Assert.Equal((CellStatus.Ok, null), (record.Status, record.Reason)));
        foreach (var cell in data.Cells.GroupBy(record => record.Cell))
        {
            using var log = File.OpenRead(Path.Combine(folder, "hlog", CellFile.Name(cell.Key) + ".hlog"));
            var intervals = HistogramLogReader.Read(log).ToArray();
            foreach (var record in cell)
            {
                var ofRound = intervals.Where(interval => interval.Tag == $"round{record.Round}");
                Assert.Equal(record.Load!.LatencyUs!.Count, ofRound.Sum(interval => interval.TotalCount));
            }
            var total = cell.Sum(record => record.Load!.LatencyUs!.Count).ToString(CultureInfo.InvariantCulture);
            Assert.Matches($@"Total count\s*=\s*{total}\]", File.ReadAllText(Path.Combine(folder, "hgrm", CellFile.Name(cell.Key) + ".hgrm")));
        }
    }
}
