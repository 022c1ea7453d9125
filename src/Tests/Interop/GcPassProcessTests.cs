using HdrHistogram;
using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary>The traced pass with real processes: a server that allocates until its collector runs, no diagnostics, a signal in the middle.</summary>
public sealed class GcPassProcessTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly TempDir _folder = new();
    private readonly string _matrix;

    public GcPassProcessTests()
    {
        _matrix = _folder.File("tiny.yml");
        File.WriteAllText(_matrix, "backend: [poll, epoll]\ndepth: 64\nsize: 512\nblock: memory:4M\nrounds: 1\nduration: 500ms\nwarmup: 10ms\n");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Collections_of_a_server_that_allocates_are_found_where_they_were()
    {
        // An object for each request, and room for some thousand of them between two collections.
        var environment = new Dictionary<string, string?> { ["HARNESS_SEEDED_REGRESSION"] = "allocation", ["DOTNET_GCgen0size"] = "10000" };
        var (code, said) = Run(environment, "run", _matrix, "--gc-pass", "--results", _folder.File("results"));
        Assert.True(code == 0, said);
        Assert.True(said.Contains("pauses   backend=epoll,depth=64,size=512,rw=read,block=memory:4M: server ", StringComparison.Ordinal), said);
        var data = RunReader.Read(Folder()).WithGc();
        Assert.Empty(data.Problems);
        // One round and no more: the pass is not among them.
        Assert.Equal(2, data.Cells.Count);
        Assert.Equal(2, data.Gc.Count);
        Assert.All(data.Gc, AssertFound);
        // Every cell was traced after the last round had ended.
        var ended = data.Cells.Max(record => record.Started + TimeSpan.FromSeconds(record.Seconds));
        Assert.All(data.Gc, cell => Assert.True(cell.Record.Started >= ended - TimeSpan.FromMilliseconds(1)));
        Assert.Contains("\"gc_pauses\":[{\"segment\":1,", File.ReadAllText(Path.Combine(Folder(), "report.html")));
    }

    [Fact]
    public void Without_diagnostics_it_is_refused_before_anything_is_measured()
    {
        var environment = new Dictionary<string, string?> { ["DOTNET_EnableDiagnostics"] = "0" };
        var results = _folder.File("results");
        var (code, said) = Run(environment, "run", _matrix, "--gc-pass", "--results", results);
        Assert.Equal(
            (2, "harness: the gc pass cannot trace here: DOTNET_EnableDiagnostics=0 switches the runtime's diagnostics off; unset it, or leave --gc-pass and gc_pass out"),
            (code, said.Trim()));
        Assert.False(Directory.Exists(results));
        // The rounds by themselves need no diagnostics.
        (code, said) = Run(environment, "run", _matrix, "--results", results);
        Assert.True(code == 0, said);
        Assert.Contains("gc pass  none; harness run --resume RUN --gc-pass adds one", said);
    }

    /// <summary>By which signal, and whether the program can still say what is left to do.</summary>
    public static TheoryData<string, bool> Ends => TestScale.Full ? new() { { "INT", true }, { "KILL", false } } : new() { { "KILL", false } };

    [Theory]
    [MemberData(nameof(Ends))]
    public void Ended_in_the_pass_by_a_signal_it_is_resumed_and_nothing_is_measured_again(string signal, bool saysSo)
    {
        using (var runner = Child.Start(HarnessServer.Program, ["run", _matrix, "--gc-pass", "--results", _folder.File("results")]))
        {
            var deadline = DateTime.UtcNow + s_patience;
            while (!Directory.Exists(_folder.File("results")) || Directory.GetFiles(_folder.File("results"), "*.json", SearchOption.AllDirectories).Length < 2)
            {
                Assert.True(DateTime.UtcNow < deadline && !runner.HasExited, runner.Errors);
                Thread.Sleep(5);
            }
            runner.Signal(signal);
            Assert.NotNull(runner.WaitForExit(s_patience));
            Assert.Equal(saysSo, runner.Errors.Contains("harness run: interrupted; 2 measurements are kept; harness run --resume ", StringComparison.Ordinal));
        }
        var folder = Folder();
        var before = File.ReadAllText(Path.Combine(folder, "cells.jsonl"));
        var data = RunReader.Read(folder).WithGc();
        Assert.Equal((2, 1, 0), (data.Cells.Count, data.Gc.Count, data.Problems.Count));
        Assert.Equal(saysSo ? RunStatus.Interrupted : RunStatus.Running, data.Run.Status);
        var (code, said) = Run([], "run", "--resume", folder);
        Assert.True(code == 0, said);
        Assert.Equal(before, File.ReadAllText(Path.Combine(folder, "cells.jsonl")));
        data = RunReader.Read(folder).WithGc();
        Assert.Equal((RunStatus.Complete, 2, 0), (data.Run.Status, data.Gc.Count, data.Problems.Count));
    }

    private static void AssertFound(GcCell cell)
    {
        var (record, server, client) = (cell.Record, cell.Record.Server!, cell.Record.Client!);
        Assert.Equal((CellStatus.Ok, null), (record.Status, record.Reason));
        Assert.InRange(record.WindowSeconds!.Value, 0.5, 60);
        Assert.InRange(server.PauseCount, 1, long.MaxValue);
        // The process counts its collections from a moment before the measured part to one after it, when the load generator asks; its answers allocate too.
        Assert.InRange(server.GcCount!.Value - server.PauseCount, 0, 4);
        Assert.Equal(0, server.EventsLost + client.EventsLost);
        Assert.All(server.Pauses, pause =>
        {
            Assert.InRange(pause.StartSeconds, 0, record.WindowSeconds.Value);
            Assert.InRange(pause.DurationUs, 1, 60_000_000);
            Assert.Equal("alloc_small", pause.Reason);
            Assert.NotNull(pause.Generation);
        });
        Assert.Equal("System.Object", server.Allocations[0].Type);
        // A sample stands for 100 KiB or so, of the 24 bytes for each operation.
        Assert.InRange(server.AllocationSampledBytes, (12 * record.Ops!.Value) - 300_000, (48 * record.Ops.Value) + 300_000);
        // The load generator collects just before it begins to measure: a window that began too early would have that pause.
        Assert.Equal((0, 0L), (client.PauseCount, client.GcCount));
        // The latencies of the same window, fine enough to see a pause in them.
        Assert.Equal(record.Ops, cell.Intervals.Sum(interval => interval.TotalCount));
        Assert.InRange(cell.Intervals.Count, 30, 64);
        Assert.Equal(10, cell.Intervals[0].EndTimeStamp - cell.Intervals[0].StartTimeStamp);
    }

    private string Folder() => Directory.GetDirectories(_folder.File("results"))
        .SelectMany(Directory.GetDirectories)
        .Single(path => !Path.GetFileName(path).StartsWith('.'));

    private static (int Code, string Said) Run(Dictionary<string, string?> environment, params string[] arguments)
    {
        using var harness = Child.Start(HarnessServer.Program, arguments, environment);
        var code = harness.WaitForExit(s_patience);
        return (code ?? -1, harness.Output + harness.Errors);
    }
}
