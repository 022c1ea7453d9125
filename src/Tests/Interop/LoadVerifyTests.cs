using System.Text.Json;
using Harness.Io;

namespace Harness.Tests;

/// <summary>
/// <c>load --verify</c> against servers that lose, double, reorder or misplace one write now and then: each is caught, and an honest one passes.
/// </summary>
public class LoadVerifyTests
{
    private const int DiskBytes = 1 << 20;

    public static TheoryData<string, ServerFault, string[]> Faults
    {
        get
        {
            var cases = new TheoryData<string, ServerFault, string[]>();
            foreach (string backend in LoopBackends.All)
            {
                cases.Add(backend, ServerFault.DropsWrites, ["1 older"]);
                cases.Add(backend, ServerFault.DoublesWrites, ["1 older"]);
                cases.Add(backend, ServerFault.ReordersWrites, ["1 older"]);
                cases.Add(backend, ServerFault.AnswersWithAStranger, ["data of another place"]);
            }

            return cases;
        }
    }

    private static int OneIn => TestScale.Pick(200, 10_000);

    // Twenty writes or more are at fault, and about every other one is read before it is overwritten.
    private static string Ops => TestScale.Pick("20000", "400000");

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_faulty_server_is_caught(string backend, ServerFault fault, string[] words)
    {
        using var server = new FaultyNbdServer(fault, OneIn, DiskBytes);
        ToolResult load = Load(server, backend);
        Assert.True(load.ExitCode == 1, load.ToString());
        Assert.True(server.Faults > 0, "the server was never at fault");
        Assert.Contains("wrong data at offset", load.Errors, StringComparison.Ordinal);
        Assert.All(words, word => Assert.Contains(word, load.Errors, StringComparison.Ordinal));
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void An_honest_server_passes(string backend)
    {
        using var server = new FaultyNbdServer(ServerFault.None, OneIn, DiskBytes);
        ToolResult load = Load(server, backend).Succeeded();
        Assert.Contains("verified: every read, and 256 written blocks", load.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void A_thread_for_each_side_loses_nothing_and_finds_what_is_lost(string backend)
    {
        string[] mixed = ["--duplex", "threads", "--connections", "3", "--depth", "16", "--rw", "mix:50", "--ops", Ops, "--verify", "--backend", backend];
        using var honest = HarnessServer.Start(backend, block: "memory:8M");
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", honest.Uri, .. mixed, "--size", "16k"]).Succeeded();
        Assert.Contains("a thread for each side", load.Output, StringComparison.Ordinal);
        Assert.Contains("all right", load.Output, StringComparison.Ordinal);
        using var faulty = new FaultyNbdServer(ServerFault.DropsWrites, OneIn, DiskBytes);
        ToolResult caught = Tool.Run(HarnessServer.Program, ["load", faulty.Uri, .. mixed, "--size", "4k"]);
        Assert.True(faulty.Faults > 0, "the server was never at fault");
        Assert.Contains("wrong data at offset", caught.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_write_lost_at_the_very_end_is_found_by_the_sweep()
    {
        // Only writes, so nothing but the sweep reads.
        using var server = new FaultyNbdServer(ServerFault.DropsWrites, oneIn: 1100, DiskBytes);
        string[] writes = ["--rw", "write", "--pattern", "sequential", "--ops", "1000", "--depth", "4", "--verify"];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", server.Uri, .. writes]);
        Assert.True(load.ExitCode == 1, load.ToString());
        Assert.Equal(1, server.Faults);
        Assert.Contains(", 1 error", load.Output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.FewBackendNames), MemberType = typeof(ServerCases))]
    public void Our_own_server_keeps_what_was_written_at_full_depth(string backend)
    {
        using var server = HarnessServer.Start(backend);
        string[] deep = ["--rw", "mix:50", "--connections", "16", "--depth", "256", "--duration", TestScale.Pick("1s", "10s"), "--verify", "--json", "-"];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", server.Uri, "--backend", backend, .. deep]).Succeeded();
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt64());
        Assert.True(json.RootElement.GetProperty("ops").GetInt64() > 10_000, load.Output);
        Assert.Equal(0, Client(json, "gc_count"));
        Assert.Equal(0, Client(json, "allocated_bytes_per_op"));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Steady_state_allocates_nothing_on_either_side(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "other servers have no control socket");
        using var folder = new TempDir();
        string control = folder.File("c");
        using var server = HarnessServer.Start(backend, more: ["--control", control]);
        string[] steady = ["--rw", "mix:50", "--ops", TestScale.Pick("50000", "1000000"), "--server-control", control, "--json", "-"];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", server.Uri, "--backend", backend, .. steady]).Succeeded();
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(0, Client(json, "allocated_bytes_per_op"));
        Assert.Equal(0, json.RootElement.GetProperty("server").GetProperty("allocated_bytes_per_op").GetDouble());
        Assert.Equal(0, json.RootElement.GetProperty("server").GetProperty("gc_count").GetDouble());
    }

    private static double Client(JsonDocument json, string figure) => json.RootElement.GetProperty("client").GetProperty(figure).GetDouble();

    private static ToolResult Load(FaultyNbdServer server, string backend) => Tool.Run(
        HarnessServer.Program,
        ["load", server.Uri, "--backend", backend, "--rw", "mix:50", "--connections", "2", "--depth", "16", "--ops", Ops, "--verify"]);
}
