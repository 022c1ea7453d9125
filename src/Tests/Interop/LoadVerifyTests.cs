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

    private static string Ops => TestScale.Pick("20000", "200000");

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

    private static ToolResult Load(FaultyNbdServer server, string backend) => Tool.Run(
        HarnessServer.Program,
        ["load", server.Uri, "--backend", backend, "--rw", "mix:50", "--connections", "2", "--depth", "16", "--ops", Ops, "--verify"]);
}
