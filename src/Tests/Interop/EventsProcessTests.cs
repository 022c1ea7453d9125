using System.Text.Json;
using Harness.Io;
using Harness.Measure;
using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary><c>harness events</c> and cells of the pipe test through the real program.</summary>
public sealed class EventsProcessTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly TempDir _folder = new();
    private readonly Dictionary<string, string?> _environment;

    public EventsProcessTests() => _environment = new() { ["TMPDIR"] = Directory.CreateDirectory(_folder.File("tmp")).FullName };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_variant_that_runs_here_moves_tokens_and_the_others_are_named()
    {
        var (code, output, errors) = Run("events", "--tokens", "1,8", "--rounds", "3", "--events", "2000", "--json", "-");
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        JsonElement[] variants = [.. json.RootElement.EnumerateArray()];
        int skipped = errors.Split('\n').Count(line => line.StartsWith("skipped ", StringComparison.Ordinal));
        Assert.Equal(2 * (LoopVariants.All.Count - skipped), variants.Length);
        if (RingFacts.Read().Available)
        {
            Assert.Contains(variants, variant => variant.GetProperty("backend").GetString() == "uring-poll");
        }
        Assert.All(variants, variant =>
        {
            Assert.InRange(variant.GetProperty("events_per_second").GetDouble(), 100, 1e9);
            // A handler reads and writes, unless the ring has read for it; and no look at the kernel takes more than a few calls.
            Assert.InRange(variant.GetProperty("syscalls_per_event").GetDouble(), 0.9, 10);
            Assert.Equal(3, variant.GetProperty("rounds").GetInt32());
            bool hasRing = variant.GetProperty("backend").GetString()!.StartsWith("uring", StringComparison.Ordinal);
            Assert.Equal(hasRing ? JsonValueKind.Number : JsonValueKind.Null, variant.GetProperty("cqes_per_event").ValueKind);
            Assert.Equal(JsonValueKind.Object, variant.GetProperty("ratio_to_epoll_1").ValueKind);
        });
        JsonElement tevent = variants.Single(variant => Is(variant, "epoll", "maxevents-1", 8));
        Assert.Equal(3, tevent.GetProperty("syscalls_per_event").GetDouble(), 0.05);
        Assert.Equal(1, tevent.GetProperty("ratio_to_epoll_1").GetProperty("median").GetDouble());
        JsonElement batches = variants.Single(variant => Is(variant, "epoll", "maxevents-64", 8));
        Assert.InRange(batches.GetProperty("syscalls_per_event").GetDouble(), 2, 2.9);
    }

    [Fact]
    public void A_matrix_of_events_leaves_a_folder_that_reports_and_exports()
    {
        string matrix = Path.Combine(Repository.Root, "bench", "events.yml");
        var (code, _, errors) = Run("run", matrix, "--brief", "--filter", "backend=*epoll,", "--results", _folder.File("results"));
        Assert.True(code == 0, errors);
        string folder = Directory.GetDirectories(Directory.GetDirectories(_folder.File("results")).Single()).Single();
        var cells = RunReader.Read(folder).Cells.Where(cell => cell.Status == CellStatus.Ok).ToArray();
        Assert.Contains(cells, cell => cell.Cell == "backend=epoll,variant=maxevents-1,tokens=8,layer=events");
        Assert.All(cells, cell => Assert.True(cell.Load is { Ops: > 0, Iops: > 0, Server: null, Client.SyscallsPerOp: > 1 }, cell.Cell));
        var (reported, output, _) = Run("report", folder, "--no-html", "--json", "-");
        Assert.Equal(0, reported);
        using var report = JsonDocument.Parse(output);
        Assert.Equal(cells.Length, report.RootElement.GetProperty("events").GetArrayLength());
    }

    [Theory]
    [InlineData("events --variant maxevent-1", "harness events: --variant: unknown variant 'maxevent-1'; did you mean 'maxevents-1'? legal: all, maxevents-1, ")]
    [InlineData("events --backend epol", "harness events: --backend: unknown backend 'epol'; did you mean 'epoll'? legal: all, poll, epoll, ")]
    [InlineData("events --backend epoll --variant one-shot", "harness: --variant: no variant of epoll is called one-shot; legal: epoll: maxevents-1, maxevents-64")]
    [InlineData("events --tokens 1,x", "harness events: --tokens: 'x' is not a whole number from 1 to 16384000")]
    [InlineData("events --tokens 5000 --pipes 4", "harness: --tokens: 5000 tokens are more than 1000 for each of 4 pipes; give fewer, or more pipes")]
    [InlineData("events --pin 4096", "harness: --pin: '4096' is no CPU that this process may use; those are ")]
    [InlineData("rung events --backend epoll", "harness rung: events needs --backend and --variant, as in --backend epoll --variant maxevents-1")]
    [InlineData("rung events --backend epoll --variant one-shot", "harness: --variant: no variant of epoll is called one-shot; legal: epoll: maxevents-1, ")]
    public void A_usage_error_is_one_line(string commandLine, string line)
    {
        var (code, output, error) = VerbConsole.Invoke(commandLine.Split(' '));
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith(line, error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    private static bool Is(JsonElement figures, string backend, string variant, int tokens) =>
        figures.GetProperty("backend").GetString() == backend && figures.GetProperty("variant").GetString() == variant && figures.GetProperty("tokens").GetInt32() == tokens;

    private (int? Code, string Output, string Errors) Run(params string[] arguments)
    {
        using var child = Child.Start(HarnessServer.Program, arguments, _environment);
        int? code = child.WaitForExit(s_patience);
        return (code, child.Output, child.Errors);
    }
}
