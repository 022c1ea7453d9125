using System.Net.Sockets;
using System.Text.Json;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>A server with several loops: the same bytes for all, connections spread evenly, and none lost when it ends.</summary>
public sealed class SeveralLoopsTests
{
    private const string Loops = "3";

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Verified_load_over_sixteen_connections_on_memory(string backend)
    {
        using var folder = new TempDir();
        using HarnessServer server = Start(backend, "memory:64M", folder.File("c"));
        Verify(server, backend);
        AssertEveryLoopServed(folder.File("c"));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Verified_load_over_sixteen_connections_on_a_file(string backend)
    {
        using var folder = new TempDir();
        using (FileStream file = File.Create(folder.File("disk")))
        {
            file.SetLength(64 << 20);
        }

        using HarnessServer server = Start(backend, $"file:{folder.File("disk")}", folder.File("c"));
        Verify(server, backend);
        AssertEveryLoopServed(folder.File("c"));
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void What_one_connection_has_written_every_other_reads(string backend)
    {
        using var folder = new TempDir();
        using HarnessServer server = Start(backend, "memory:1M", folder.File("c"));
        RawNbd[] clients = [.. Enumerable.Range(0, 6).Select(_ => Enter(server))];
        for (int i = 0; i < clients.Length; i++)
        {
            byte[] data = [.. Enumerable.Range(0, 512).Select(at => (byte)(at + i))];
            clients[i].Send(Request(Write, 1, 4096, 512), data);
            clients[i].ExpectReply(1, 0);
            foreach (RawNbd reader in clients)
            {
                reader.Send(Request(Read, 2, 4096, 512));
                reader.ExpectReply(2, 0);
                Assert.Equal(data, reader.Receive(512));
            }
        }

        Array.ForEach(clients, client => client.Dispose());
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void A_connection_goes_to_the_loop_that_has_the_fewest(string backend)
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = Start(backend, "memory:1M", control, "--max-connections", "7");
        List<RawNbd> clients = [.. Enumerable.Range(0, 6).Select(_ => Enter(server))];
        Assert.Equal([2, 2, 2], Connections(control));

        // The first and the fourth live on one loop.
        clients[0].Dispose();
        clients[3].Dispose();
        Eventually(() => Connections(control).Order().SequenceEqual([0, 2, 2]), () => $"two of one loop have left: {string.Join(", ", Connections(control))}");
        clients.Add(Enter(server));
        clients.Add(Enter(server));
        Assert.Equal([2, 2, 2], Connections(control));

        // The bound is the whole server's.
        clients.Add(Enter(server));
        using (Socket refused = server.Connect())
        {
            refused.ReceiveTimeout = 30_000;
            Assert.Equal(0, refused.Receive(new byte[18]));
        }

        clients.ForEach(client => client.Dispose());
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Foreign_clients_use_several_connections(string backend)
    {
        string nbdcopy = Requires.Tool("nbdcopy");
        string fio = Requires.Tool("fio");
        string qemuIo = Requires.Tool("qemu-io");
        using var folder = new TempDir();
        (string sent, string received) = (folder.File("sent"), folder.File("received"));
        RandomFile.Write(sent, 16 << 20, seed: 22);
        using HarnessServer server = Start(backend, "memory:16M", folder.File("c"));
        Tool.Run(nbdcopy, "--connections=4", "--requests=64", "--flush", sent, server.Uri).Succeeded();
        Tool.Run(nbdcopy, "--connections=4", "--requests=64", server.Uri, received).Succeeded();
        RandomFile.AssertSame(sent, received);
        Tool.Run(qemuIo, "-f", "raw", "-c", "write -P 0xab 1M 64k", server.Uri).Succeeded();
        var read = Tool.Run(qemuIo, "-f", "raw", "-c", "read -P 0xab 1M 64k", server.Uri).Succeeded();
        Assert.DoesNotContain("failed", read.Output, StringComparison.OrdinalIgnoreCase);
        Tool.Run(
            fio, "--name=verify", "--ioengine=nbd", $"--uri={server.Uri}", "--rw=randrw", "--bs=4k", "--iodepth=16", "--numjobs=3", "--size=4M",
            "--offset_increment=4M", "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--output-format=terse").Succeeded();
        AssertEveryLoopServed(folder.File("c"));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Clients_that_leave_in_the_middle_harm_nobody_else(string backend)
    {
        using var folder = new TempDir();
        using HarnessServer server = Start(backend, "memory:64M", folder.File("c"));
        string[] traffic = ["--connections", "4", "--depth", "16", "--ops", TestScale.Pick("20000", "500000"), "--verify"];
        Task<ToolResult> load = Task.Run(() => Load(server, backend, traffic));
        for (int i = 0; !load.IsCompleted; i++)
        {
            // Behind what the load writes to nothing is half written: these requests never become whole, or only read.
            using RawNbd leaver = Enter(server);
            leaver.Send(i % 2 == 0 ? Request(Write, 1, 0, 65536) : Request(Read, 1, 0, 1 << 20), new byte[i % 2 == 0 ? 1000 : 0]);
        }

        load.GetAwaiter().GetResult().Succeeded();
        Eventually(() => Connections(folder.File("c")).Sum() == 0, () => $"connections are left: {string.Join(", ", Connections(folder.File("c")))}");
        Assert.All(
            Stats(folder.File("c")).GetProperty("by_loop").EnumerateArray(),
            loop => Assert.Equal((0, 0), (Number(loop, "in_flight"), Number(loop, "chunks_in_use"))));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void A_drain_under_load_answers_what_is_in_flight_on_every_loop(string backend)
    {
        using var folder = new TempDir();
        using HarnessServer server = Start(backend, "memory:64M", folder.File("c"));
        string[] long_ = ["load", server.Uri, "--backend", backend, "--connections", "9", "--depth", "32", "--rw", "mix:50", "--duration", "60s"];
        using Child load = Child.Start(HarnessServer.Program, long_);
        Eventually(() => Stats(folder.File("c")).GetProperty("requests").GetInt64() > 5000, () => "the load does not begin");
        server.Stop();
        Assert.Equal(1, load.WaitForExit(TimeSpan.FromSeconds(30)));

        // The end of the stream or a reset, by whether a request was on its way.
        Assert.StartsWith("harness: unix:", Assert.Single(load.Errors.TrimEnd().Split('\n')));
        Assert.Empty(server.Errors);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Whoever_connects_while_the_server_ends_is_served_or_sees_the_end(string backend)
    {
        int rounds = TestScale.Pick(3, 30);
        for (int round = 0; round < rounds; round++)
        {
            using var folder = new TempDir();
            using HarnessServer server = Start(backend, "memory:1M", folder.File("c"), "--max-connections", "5000");
            using var stop = new CancellationTokenSource();
            Task<int> Knocker() => Task.Factory.StartNew(() => Knock(server, stop.Token), TaskCreationOptions.LongRunning);
            Task<int>[] knockers = [Knocker(), Knocker(), Knocker()];
            Eventually(() => Number(Stats(folder.File("c")), "connections_accepted") > 50, () => "nobody comes in");

            // The server must end with 0, and in time: a connection lost between two loops would be one that nobody closes.
            server.Stop();
            stop.Cancel();
            Assert.All(knockers, knocker => Assert.True(knocker.GetAwaiter().GetResult() > 0));
        }
    }

    [Theory]
    [InlineData("--loops", "0", "--loops: '0' is not a whole number from 1 to 1024")]
    [InlineData("--loops", "1025", "--loops: '1025' is not a whole number from 1 to 1024")]
    [InlineData("--loops", "two", "--loops: 'two' is not a whole number from 1 to 1024")]
    public void A_bad_number_of_loops_is_one_line(string option, string value, string words)
    {
        (int code, string output, string errors) = VerbConsole.Invoke("serve", option, value);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(words, Assert.Single(errors.TrimEnd().Split('\n')));
    }

    /// <summary>Connects again and again; every eighth stays, and must see the end of its stream. Returns how many were greeted.</summary>
    private static int Knock(HarnessServer server, CancellationToken stop)
    {
        var stayed = new List<Socket>();
        int greeted = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Socket socket = server.Connect();
                socket.ReceiveTimeout = 20_000;
                bool stays = socket.Receive(new byte[18]) > 0 && ++greeted % 8 == 0;
                (stays ? stayed.Add : (Action<Socket>)(left => left.Dispose()))(socket);
            }
            catch (SocketException e)
                when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
            {
                // The server is gone, or was when its backlog was closed.
                Thread.Sleep(1);
            }
        }

        foreach (Socket socket in stayed)
        {
            Assert.Equal(0, socket.Receive(new byte[1]));
            socket.Dispose();
        }

        return greeted;
    }

    private static HarnessServer Start(string backend, string block, string control, params string[] more)
    {
        Skip.If(HarnessServer.IsForeign, "loops are our server's");
        return HarnessServer.Start(backend, block: block, more: ["--loops", Loops, "--control", control, .. more]);
    }

    private static void Verify(HarnessServer server, string backend)
    {
        ToolResult load = Load(server, backend, "--connections", "16", "--depth", "16", "--ops", TestScale.Pick("30000", "1000000"), "--verify").Succeeded();
        Assert.Contains("all right", load.Output, StringComparison.Ordinal);
    }

    private static ToolResult Load(HarnessServer server, string backend, params string[] more) =>
        Tool.Run(HarnessServer.Program, ["load", server.Uri, "--backend", backend, "--rw", "mix:50", .. more]);

    private static RawNbd Enter(HarnessServer server)
    {
        var nbd = new RawNbd(server);
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, []));
        nbd.Receive(10);
        return nbd;
    }

    private static void AssertEveryLoopServed(string control)
    {
        JsonElement stats = Stats(control);
        JsonElement[] loops = [.. stats.GetProperty("by_loop").EnumerateArray()];
        Assert.Equal(int.Parse(Loops), loops.Length);
        Assert.All(loops, loop => Assert.True(Number(loop, "requests") > 0, stats.ToString()));
        Assert.Equal(Number(stats, "requests"), loops.Sum(loop => Number(loop, "requests")));
    }

    private static int[] Connections(string control) => [.. Stats(control).GetProperty("by_loop").EnumerateArray().Select(loop => Number(loop, "connections"))];

    private static int Number(JsonElement stats, string name) => stats.GetProperty(name).GetInt32();

    private static JsonElement Stats(string control)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(control));
        using var stream = new NetworkStream(socket);
        stream.Write("stats\n"u8);
        using var reader = new StreamReader(stream);
        return JsonDocument.Parse(reader.ReadLine()!).RootElement;
    }

    private static void Eventually(Func<bool> condition, Func<string> otherwise)
    {
        for (int tries = 0; tries < 300 && !condition(); tries++)
        {
            Thread.Sleep(50);
        }

        Assert.True(condition(), otherwise());
    }
}
