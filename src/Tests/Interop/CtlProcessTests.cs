using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Harness.Ctl;
using Harness.Io;
using Harness.Results;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary><c>harness ctl</c> on a server in a process of its own.</summary>
public sealed class CtlProcessTests
{
    public static TheoryData<string> Backends => [.. TestScale.Pick(["uring"], LoopBackends.All)];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Under_verified_load_the_graph_is_drained_and_changed_and_no_request_is_lost_or_doubled(string backend)
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        string[] more = ["--loops", "2", "--control", control];
        using HarnessServer server = HarnessServer.Start(backend, block: "stats/delay:write=20us/memory:16M", more: more);
        string[] load = ["load", server.Uri, "--rw", "mix:50", "--connections", "4", "--depth", "16", "--duration", TestScale.Pick("4s", "60s"), "--verify"];
        Task<ToolResult> verified = Task.Run(() => Tool.Run(HarnessServer.Program, load));
        Ctl(control, "drain", "memory0", "--for", "20ms").Succeeded();
        Ctl(control, "insert", "throttle:rate=1G", "--above", "memory0", "--id", "slow").Succeeded();
        Assert.Contains("slow  throttle:rate=1G\n", Ctl(control, "graph").Succeeded().Output, StringComparison.Ordinal);
        Ctl(control, "replace", "delay0", "delay:write=10us/@slow").Succeeded();
        Ctl(control, "remove", "slow").Succeeded();
        using var client = new ControlClient(control);
        int cycles = 0;
        for (; !verified.IsCompleted; cycles++)
        {
            client.Ask(new ControlRequest { Command = ControlWords.Drain, Node = cycles % 3 == 0 ? "delay0" : cycles % 3 == 1 ? "memory0" : null });
            client.Ask(new ControlRequest { Command = ControlWords.Insert, Node = "memory0", Chain = "stats", NewId = "inside" });
            client.Ask(new ControlRequest { Command = ControlWords.Resume, Node = cycles % 3 == 0 ? "delay0" : cycles % 3 == 1 ? "memory0" : null });
            client.Ask(new ControlRequest { Command = ControlWords.Replace, Node = "delay0", Chain = "delay:write=20us/@inside" });
            client.Ask(new ControlRequest { Command = ControlWords.Remove, Node = "inside" });
        }

        Assert.Contains("all right", verified.GetAwaiter().GetResult().Succeeded().Output, StringComparison.Ordinal);
        Assert.True(cycles > 2, $"the load ended after {cycles} cycles");
        Assert.DoesNotContain("failed", server.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Stats_count_what_goes_through_each_block_while_they_are_asked_to()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "error:commands=trim/delay:read=1ms/memory:1M", more: ["--control", control]);
        using RawNbd client = Enter(server);
        Task<ToolResult> stats = Task.Run(() => Ctl(control, "stats", "--for", "1s", "--json", "-"));
        const ushort Trim = 4;
        ulong cookie = 0;
        while (!stats.IsCompleted)
        {
            client.Send(Request(Read, ++cookie, 4096, 512));
            client.ExpectReply(cookie, 0);
            client.Receive(512);
            client.Send(Request(Trim, ++cookie, 4096, 512));
            client.ExpectReply(cookie, 5);
        }

        BlockStatsDocument seen = JsonSerializer.Deserialize(stats.GetAwaiter().GetResult().Succeeded().Output, ResultsJson.Line.BlockStatsDocument)!;
        Assert.Equal(1, seen.Seconds);
        BlockTraffic export = Assert.Single(seen.Exports);
        Assert.Equal(["READ", "TRIM"], export.Commands.Select(command => command.Command));
        Assert.All(export.Commands, command => Assert.Equal(command.Requests * 512, command.Bytes));
        Assert.Equal((0, export.Commands[1].Requests), (export.Commands[0].Errors, export.Commands[1].Errors));
        Assert.InRange(export.Commands[0].LatencyUs.P50, 1000, 1_000_000);
        Assert.All(export.Commands, command => Assert.Equal(command.Requests, command.LatencyUs.Histogram.Sum(one => one.Count)));
        BlockTraffic memory = seen.Nodes.Single(node => node.Id == "memory0");
        Assert.Equal("READ", Assert.Single(memory.Commands).Command);
        Assert.InRange(memory.Commands[0].LatencyUs.P50, 0, 1000);
        ToolResult now = Ctl(control, "stats").Succeeded();
        Assert.Contains("stats --for 1s counts and times what goes through each", now.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_drain_that_is_not_quiet_in_time_says_what_it_waited_for_and_changes_nothing()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "delay:read=2s/memory:1M", more: ["--control", control]);
        using RawNbd client = Enter(server);
        client.Send(Request(Read, 1, 4096, 512));
        while (!Ctl(control, "stats", "--json", "-").Output.Contains("\"in_flight\": 1", StringComparison.Ordinal))
        {
        }

        ToolResult late = Ctl(control, "drain", "--all", "--deadline", "10ms");
        Assert.Equal(1, late.ExitCode);
        Assert.Contains("not completed: READ of 512 bytes at 4096 on delay:read=2s/memory:1M", late.Errors, StringComparison.Ordinal);
        Assert.Equal(1, late.Errors.Count(letter => letter == '\n'));
        Assert.Contains("'all' is not drained by ctl; nothing is", Ctl(control, "resume", "--all").Errors, StringComparison.Ordinal);
        client.ExpectReply(1, 0);
    }

    [SkippableFact]
    public void An_export_is_led_to_another_chain_and_the_graph_is_drawn_beside_any_other_form_of_it()
    {
        using var folder = new TempDir();
        (string control, string svg, string json) = (folder.File("c"), folder.File("g.svg"), folder.File("g.json"));
        string[] more = ["--control", control, "--node", "spare=memory:1M", "--export", "other=stats/@spare"];
        using HarnessServer server = HarnessServer.Start("epoll", block: "delay:read=1ms/memory:1M", more: more);
        using RawNbd client = Enter(server);
        client.Send(Request(Write, 1, 0, 512), [.. Enumerable.Repeat((byte)7, 512)]);
        client.ExpectReply(1, 0);
        Assert.StartsWith("reparent export:: gone: delay0, memory0; quiet after ", Ctl(control, "reparent", "export:", "@spare").Succeeded().Output, StringComparison.Ordinal);
        client.Send(Request(Read, 2, 0, 512));
        client.ExpectReply(2, 0);
        Assert.Equal(new byte[512], client.Receive(512));
        Assert.Equal("reparent stats0: new: delay1; quiet after ", Ctl(control, "reparent", "stats0", "delay/@spare").Succeeded().Output[..42]);
        string text = Ctl(control, "graph", "--svg", svg, "--json", json).Succeeded().Output;
        Assert.Contains("└─ spare, as above", text, StringComparison.Ordinal);
        Assert.StartsWith("<svg", File.ReadAllText(svg), StringComparison.Ordinal);
        string drawn = File.ReadAllText(svg);
        File.Delete(svg);
        Assert.Equal(File.ReadAllText(json), Ctl(control, "graph", "--svg", svg, "--json", "-").Succeeded().Output);
        Assert.Equal(drawn, File.ReadAllText(svg));
        Assert.Equal(drawn, Ctl(control, "graph", "--svg", "-").Succeeded().Output);
        Assert.Equal(2, Ctl(control, "graph", "--svg", "-", "--json", "-").ExitCode);
        (string none, string nowhere) = (folder.File("none"), folder.File("none/g.svg"));
        ToolResult refused = Ctl(control, "graph", "--svg", nowhere);
        Assert.Equal(1, refused.ExitCode);
        Assert.Equal($"harness: cannot write '{nowhere}': there is no folder '{none}'; make it, or write elsewhere\n", refused.Errors);
    }

    [SkippableFact]
    public void A_drain_of_a_node_that_has_left_the_graph_is_ended_by_its_name()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "delay:read=1ms/memory:1M", more: ["--control", control]);
        using RawNbd client = Enter(server);
        Ctl(control, "drain", "delay0").Succeeded();
        client.Send(Request(Read, 1, 0, 512));
        Assert.Equal("remove delay0: gone: delay0; quiet after ", Ctl(control, "remove", "delay0").Succeeded().Output[..41]);
        Assert.Contains("waiting\": 1", Ctl(control, "stats", "--json", "-").Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal("delay0: requests go on\n", Ctl(control, "resume", "delay0").Succeeded().Output);
        client.ExpectReply(1, 0);
        client.Receive(512);
        Assert.StartsWith("harness: there is no node 'delay0'", Ctl(control, "resume", "delay0").Errors, StringComparison.Ordinal);
    }

    /// <summary>Whoever may open the control socket may drain and change, but not bring the server down by what it says.</summary>
    [SkippableFact]
    public void What_comes_over_the_control_socket_is_answered_in_a_line_and_harms_nobody()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "delay:read=1ms/memory:1M", more: ["--control", control]);
        using RawNbd served = Enter(server);
        string[] lines =
        [
            "", "nonsense", "{", "{}", "[]", """{"command":null}""", """{"command":"grap"}""", """{"command":7}""", """{"command":"drain","node":"\u0000"}""",
            """{"command":"stats","for_ms":-1}""", """{"command":"stats","for_ms":0}""", """{"command":"stats","for_ms":1e300}""",
            """{"command":"stats","for_ms":4294967295000}""", """{"command":"drain","for_ms":1e300}""", """{"command":"drain","deadline_ms":-1}""",
            """{"command":"drain","deadline_ms":1e300}""", """{"command":"insert","node":"memory0"}""", """{"command":"insert","chain":"stats"}""",
            """{"command":"replace","node":"memory0","chain":""}""", """{"command":"copy","node":"memory0"}""", """{"command":"copy","chain":"memory:1M"}""",
            """{"command":"reparent","node":"export:","chain":"@"}""", """{"command":"resume","node":"nobody"}""",
        ];
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(control));
        using var reader = new StreamReader(new NetworkStream(socket));
        foreach (string line in lines)
        {
            socket.Send(Encoding.UTF8.GetBytes(line + "\n"));
            string answer = reader.ReadLine()!;
            Assert.StartsWith("{\"error\":", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("bug", answer, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("held", Ctl(control, "graph").Succeeded().Output, StringComparison.Ordinal);
        served.ExpectTransmission();
    }

    [SkippableFact]
    public void Refusals_are_one_line_and_1_or_2()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "delay:read=1ms/memory:1M", more: ["--control", control]);
        (string[] Command, int Code, string Line)[] cases =
        [
            (["remove", "delai0"], 2, "there is no node 'delai0': did you mean 'delay0'?; there are delay0, memory0"),
            (["drain", "memory1"], 2, "there is no node 'memory1': did you mean 'memory0'?; there are delay0, memory0"),
            (["resume", "memory0"], 1, "'memory0' is not drained by ctl; nothing is"),
            (["remove", "memory0"], 1, "remove memory0: it is a store, and delay0 leads to it; use replace"),
            (["replace", "memory0", "memory:2M"], 1, "replace memory0: 'memory:2M' has 2097152 bytes, and what delay0 leads to has 1048576; the size must stay"),
            (["stats", "--for", "90000s"], 2, "--for: 90000000 ms is no time above zero, up to a day"),
            (["insert", "dely:read=1ms", "--above", "memory0"], 2, "unknown block 'dely': did you mean 'delay'?"),
            (["insert", "noparallel", "--above", "memory0"], 1, "insert before memory0: 'noparallel' wants serialize-requests, and export '' is parallel; start the server with --thread-model"),
        ];
        foreach ((string[] command, int code, string line) in cases)
        {
            ToolResult result = Ctl(control, command);
            Assert.True(result.ExitCode == code, result.ToString());
            Assert.StartsWith($"harness: {line}", result.Errors, StringComparison.Ordinal);
            Assert.Equal(1, result.Errors.Count(letter => letter == '\n'));
        }

        string nbd = new Uri(server.Uri).Query["?socket=".Length..];
        Assert.Contains("is not the control socket of a harness server", Ctl(nbd, "graph").Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ctl", "harness ctl: SOCKET is missing: the control socket of a running server")]
    [InlineData("ctl /tmp/c", "harness ctl: which command? stats, graph, drain,")]
    [InlineData("ctl graph", "harness ctl graph: SOCKET is missing: the control socket of a running server")]
    [InlineData("ctl /tmp/c grap", "harness ctl: unknown command 'grap'; did you mean 'graph'? legal: stats, graph,")]
    [InlineData("ctl /tmp/c drain", "harness ctl drain: which node? Give its ID, as 'graph' names it, or --all")]
    [InlineData("ctl /tmp/c drain a --all", "harness ctl drain: an ID and --all exclude each other")]
    [InlineData("ctl /tmp/c stats --for 0s", "harness ctl stats: --for: '0s' is no time at all; write one above zero")]
    [InlineData("ctl /tmp/c drain a --deadlin 1s", "harness ctl drain: unknown option '--deadlin'; did you mean '--deadline'?")]
    [InlineData("ctl /tmp/c insert delay:read=1ms", "harness ctl insert: --above is missing: the node before which they are to stand")]
    [InlineData("ctl /tmp/c replace a", "harness ctl replace: CHAIN is missing: what is to stand in its place")]
    public void What_cannot_be_meant_is_one_line_and_2(string commandLine, string line)
    {
        var (code, output, error) = VerbConsole.Invoke(commandLine.Split(' '));
        Assert.Equal((2, string.Empty), (code, output));
        Assert.StartsWith(line, error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
    }

    [Fact]
    public void Where_no_server_listens_is_one_line_and_1()
    {
        using var folder = new TempDir();
        string none = folder.File("none");
        var (code, _, error) = VerbConsole.Invoke("ctl", none, "graph");
        Assert.Equal((1, $"harness: cannot reach a server at '{none}': there is no such socket; a server listens there that was started with --control {none}\n"), (code, error));
    }

    internal static ToolResult Ctl(string control, params string[] command) => Tool.Run(HarnessServer.Program, ["ctl", control, .. command]);

    private static RawNbd Enter(HarnessServer server)
    {
        var nbd = new RawNbd(server);
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, []));
        nbd.Receive(10);
        return nbd;
    }
}
