using System.Buffers.Binary;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The negotiation as a client: what is sent, and what is made of servers that refuse, lie or fall silent.</summary>
public class ClientHandshakeTests
{
    private const string Backend = "epoll";

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Enters_an_export_with_go(string backend)
    {
        using var script = new ClientScript(backend, new NbdClientOptions { ExportName = "disk" });
        script.Client.Start();
        script.Greet();
        Assert.Equal([0, 0, 0, 4, (byte)'d', (byte)'i', (byte)'s', (byte)'k', 0, 1, 0, 3], script.ExpectOption(NbdOption.Go));
        script.SendInfoExport(NbdOption.Go, 4711 * 512, flags: 1 | 8);
        byte[] blockSize = new byte[14];
        blockSize[1] = 3;
        BinaryPrimitives.WriteUInt32BigEndian(blockSize.AsSpan(2), 512);
        BinaryPrimitives.WriteUInt32BigEndian(blockSize.AsSpan(6), 4096);
        BinaryPrimitives.WriteUInt32BigEndian(blockSize.AsSpan(10), 1 << 20);
        script.SendOptionReply(NbdOption.Go, 3, blockSize);
        script.SendOptionReply(NbdOption.Go, 3, [0, 77, 1, 2, 3]);
        script.SendOptionReply(NbdOption.Go, 1, []);
        script.RunUntil(() => script.IsReady, "the handshake is over");
        Assert.Equal(4711ul * 512, script.Client.Export.Size);
        Assert.True(script.Client.Export.Flags.HasFlag(TransmissionFlags.SendFua));
        Assert.Equal(512u, script.Client.Export.BlockSize.Minimum);
        Assert.Equal(1u << 20, script.Client.MaxPayloadBytes);
    }

    [Theory]
    [InlineData((ushort)3, 0)]
    [InlineData((ushort)1, 124)]
    public void Falls_back_to_export_name_where_go_is_unknown(ushort flags, int zeroes)
    {
        using var script = new ClientScript(Backend, new NbdClientOptions { ExportName = "x" });
        script.Client.Start();
        script.Greet(flags);
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.Go, 0x80000001, "never heard of it"u8);
        Assert.Equal("x"u8.ToArray(), script.ExpectOption(NbdOption.ExportName));
        SendExportNameReply(script, zeroes);
    }

    [Fact]
    public void Sends_export_name_at_once_to_a_server_without_fixed_newstyle()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet(flags: 2);
        Assert.Empty(script.ExpectOption(NbdOption.ExportName));
        SendExportNameReply(script, zeroes: 0);
    }

    [Fact]
    public void A_refused_export_is_told_with_the_servers_text_and_left_with_abort()
    {
        using var script = new ClientScript(Backend, new NbdClientOptions { ExportName = "nope" });
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.Go, 0x80000006, "only 'disk' is served here"u8);
        Assert.Empty(script.ExpectOption(NbdOption.Abort));
        script.SendOptionReply(NbdOption.Abort, 1, []);
        script.ExpectClosed(Errno.ENOENT, "unix:script", "'nope'", "ERR_UNKNOWN", "only 'disk' is served here");
        Assert.False(script.IsReady);
    }

    [Fact]
    public void A_server_that_hangs_up_instead_of_answering_abort_is_as_good()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.Go, 0x80000002, []);
        script.ExpectOption(NbdOption.Abort);
        script.Server.Dispose();
        script.ExpectClosed(Errno.EACCES, "ERR_POLICY");
    }

    /// <summary>
    /// libnbd asserted that nothing but what it knew could follow a refused option: a server that hung up or went on talking brought its caller down.
    /// </summary>
    [Theory]
    [InlineData("hangs up")]
    [InlineData("answers twice")]
    [InlineData("answers another option")]
    public void Cve2021_20286_AServerThatDoesTheUnexpectedInsteadOfServing(string what)
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        switch (what)
        {
            case "hangs up":
                script.Server.Dispose();
                script.ExpectClosed(Errno.ECONNRESET, "unix:script");
                break;
            case "answers twice":
                script.SendOptionReply(NbdOption.Go, 0x80000006, []);
                script.SendOptionReply(NbdOption.Go, 0x80000006, []);
                script.ExpectClosed(Errno.ENOENT, "ERR_UNKNOWN");
                break;
            default:
                script.SendOptionReply(NbdOption.List, 1, []);
                script.ExpectClosed(Errno.EPROTO, "unix:script");
                break;
        }
    }

    [Fact]
    public void An_oldstyle_server_is_refused_by_name()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        byte[] oldstyle = new byte[152];
        BinaryPrimitives.WriteUInt64BigEndian(oldstyle, NbdMagic.Greeting);
        BinaryPrimitives.WriteUInt64BigEndian(oldstyle.AsSpan(8), NbdMagic.Oldstyle);
        script.Server.Send(oldstyle);
        script.ExpectClosed(Errno.EPROTO, "oldstyle");
    }

    [Fact]
    public void A_stranger_is_told_from_an_nbd_server()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Server.Send("HTTP/1.1 400 Bad Request\r\n\r\n"u8);
        script.ExpectClosed(Errno.EPROTO, "no NBD server", "HTTP/1.1");
    }

    [Fact]
    public void An_announced_length_beyond_the_limit_ends_it_before_memory_is_taken()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.Go, 3, [], length: 0xffffffff);
        script.ExpectClosed(Errno.EPROTO, "4294967295");
    }

    [Fact]
    public void Endless_replies_to_one_option_end_it()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        for (int i = 0; i < 70; i++)
        {
            script.SendOptionReply(NbdOption.Go, 3, [0, 77]);
        }

        script.ExpectClosed(Errno.EPROTO, "more than 64 replies");
    }

    [Fact]
    public void An_ack_without_a_size_ends_it()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.Go, 1, []);
        script.ExpectClosed(Errno.EPROTO, "without telling its size");
    }

    [Fact]
    public void A_size_that_looks_negative_ends_it()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendInfoExport(NbdOption.Go, 1UL << 63);
        script.ExpectClosed(Errno.EPROTO, "9223372036854775808");
    }

    [Fact]
    public void A_reply_to_another_option_ends_it()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.List, 1, []);
        script.ExpectClosed(Errno.EPROTO, "answered option 3");
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_silent_server_ends_at_the_handshake_timeout(string backend)
    {
        using var script = new ClientScript(backend, new NbdClientOptions { HandshakeTimeoutNs = 50_000_000 });
        script.Client.Start();
        script.ExpectClosed(Errno.ETIMEDOUT, "0.05 s", "greeting");
    }

    [Fact]
    public void A_server_that_hangs_up_is_told_with_the_step()
    {
        using var script = new ClientScript(Backend);
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.Server.Dispose();
        script.ExpectClosed(Errno.ECONNRESET, "closed the connection", "GO");
    }

    [Fact]
    public void Lists_the_exports_and_leaves_with_abort()
    {
        using var loop = new LoopHarness(Backend);
        (int fd, System.Net.Sockets.Socket server) = loop.Pair();
        loop.Forget(fd);
        IReadOnlyList<ServerEntry>? listed = null;
        var transport = new PlainTransport(loop.Loop, fd, "unix:script");
        var lister = new ExportLister(transport, new NbdClientOptions(), exports => listed = exports, (_, reason) => Assert.Fail(reason));
        lister.Start();
        var answers = new Thread(() => AnswerList(server));
        answers.Start();
        loop.RunUntil(() => listed is not null, "the exports are listed");
        answers.Join();
        Assert.Equal([new ServerEntry("a", "first"), new ServerEntry("", "")], listed);
        server.Dispose();
    }

    private static void AnswerList(System.Net.Sockets.Socket server)
    {
        byte[] greeting = new byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(greeting, NbdMagic.Greeting);
        BinaryPrimitives.WriteUInt64BigEndian(greeting.AsSpan(8), NbdMagic.Option);
        greeting[17] = 3;
        server.Send(greeting);
        Receive(server, 4 + 16);
        server.Send(OptionReply(NbdOption.List, 2, [0, 0, 0, 1, (byte)'a', .. "first"u8]));
        server.Send(OptionReply(NbdOption.List, 2, [0, 0, 0, 0]));
        server.Send(OptionReply(NbdOption.List, 1, []));
        Receive(server, 16);
        server.Send(OptionReply(NbdOption.Abort, 1, []));
    }

    private static byte[] OptionReply(NbdOption option, uint type, byte[] data)
    {
        byte[] reply = new byte[20];
        BinaryPrimitives.WriteUInt64BigEndian(reply, NbdMagic.OptionReply);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), type);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(16), (uint)data.Length);
        return [.. reply, .. data];
    }

    private static void Receive(System.Net.Sockets.Socket socket, int count)
    {
        byte[] bytes = new byte[count];
        for (int got = 0; got < count;)
        {
            got += socket.Receive(bytes, got, count - got, System.Net.Sockets.SocketFlags.None);
        }
    }

    private static void SendExportNameReply(ClientScript script, int zeroes)
    {
        byte[] reply = new byte[10 + zeroes];
        BinaryPrimitives.WriteUInt64BigEndian(reply, 12345);
        reply[9] = 1;
        script.Server.Send(reply);
        script.RunUntil(() => script.IsReady, "the handshake is over");
        Assert.Equal(12345ul, script.Client.Export.Size);
        Assert.Equal(BlockSizeConstraints.Default, script.Client.Export.BlockSize);
        using ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 4);
        script.Reply(script.ReadRequest().Cookie, data: [1, 2, 3, 4]);
        script.RunUntil(() => read.Ends == 1, "the read ends");
        Assert.Equal([1, 2, 3, 4], read.Memory.ToArray());
    }
}
