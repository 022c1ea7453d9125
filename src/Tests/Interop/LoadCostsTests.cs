using System.Text.Json;
using Harness.Io;

namespace Harness.Tests;

/// <summary>The figures of <c>load --json</c> that are the same on every run: bytes on the wire and submissions by opcode, as both sides count them.</summary>
public class LoadCostsTests
{
    private const int Ops = 1000;
    private const int RequestBytes = 4096;
    private const int RequestHeader = 28;
    private const int ReplyHeader = 16;

    [SkippableTheory]
    [InlineData("epoll")]
    [InlineData("uring-poll")]
    [InlineData("uring")]
    public void Both_sides_count_the_same_wire_bytes(string backend)
    {
        JsonElement load = Load(backend, "read", "4");
        double request = RequestHeader;
        double reply = ReplyHeader + RequestBytes;
        Assert.Equal([reply, request, request, reply], WireBytes(load));

        load = Load(backend, "write", "4");
        Assert.Equal([ReplyHeader, request + RequestBytes, request + RequestBytes, ReplyHeader], WireBytes(load));
    }

    [SkippableFact]
    public void A_ring_tells_its_submissions_by_opcode_and_its_flags_on_both_sides()
    {
        JsonElement load = Load("uring", "read", "1");
        foreach (JsonElement side in (ReadOnlySpan<JsonElement>)[load.GetProperty("client"), load.GetProperty("server")])
        {
            var opcodes = side.GetProperty("sqes_by_opcode_per_op").EnumerateObject().ToDictionary(opcode => opcode.Name, opcode => opcode.Value.GetDouble());
            Assert.All(opcodes.Keys, name => Assert.True(Enum.TryParse<RingOpcode>(name, out _), name));
            Assert.Equal(side.GetProperty("sqes_per_op").GetDouble(), opcodes.Values.Sum(), 1e-9);
            Assert.Contains("SINGLE_ISSUER", side.GetProperty("ring_flags").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Without_a_ring_there_are_no_submissions()
    {
        JsonElement load = Load("epoll", "read", "1");
        Assert.All(["client", "server"], side => Assert.Equal(JsonValueKind.Null, load.GetProperty(side).GetProperty("sqes_by_opcode_per_op").ValueKind));
        Assert.All(["client", "server"], side => Assert.Equal(JsonValueKind.Null, load.GetProperty(side).GetProperty("ring_flags").ValueKind));
    }

    private static double[] WireBytes(JsonElement load) =>
    [
        .. from side in (string[])["client", "server"]
           from figure in (string[])["bytes_received_per_op", "bytes_sent_per_op"]
           select load.GetProperty(side).GetProperty(figure).GetDouble(),
    ];

    private static JsonElement Load(string backend, string rw, string depth)
    {
        using var folder = new TempDir();
        using var server = HarnessServer.Start(backend, HarnessServer.Unix, "memory:16M", "--control", folder.File("control"));
        string[] shape = ["--backend", backend, "--rw", rw, "--depth", depth, "--ops", $"{Ops}", "--size", $"{RequestBytes}"];
        ToolResult load = Tool.Run(
            HarnessServer.Program,
            ["load", server.Uri, .. shape, "--server-control", folder.File("control"), "--json", "-"]).Succeeded();
        return JsonDocument.Parse(load.Output).RootElement;
    }
}
