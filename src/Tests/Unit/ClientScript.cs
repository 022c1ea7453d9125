using System.Buffers.Binary;
using System.Net.Sockets;
using Harness.Io;
using Harness.Load;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A client on a loop, and at the other end a socket that the test itself reads and writes: it can answer as no server should. The test's thread does both, so
/// nothing depends on timing.
/// </summary>
internal sealed class ClientScript : INbdClientHandler, IDisposable
{
    public const ulong ExportBytes = 1 << 20;
    private readonly LoopHarness _loop;
    private readonly EventLoop? _sendLoop;
    private SenderThread? _sender;

    public ClientScript(string backend, NbdClientOptions? options = null, Func<ITransport, ITransport>? wrap = null, EventLoop? sendLoop = null)
    {
        _loop = new LoopHarness(backend);
        _sendLoop = sendLoop;
        (int fd, Server) = _loop.Pair();
        _loop.Forget(fd);
        Server.ReceiveTimeout = 20_000;
        var transport = new PlainTransport(_loop.Loop, fd, "unix:script");
        ITransport? sender = sendLoop is null ? null : transport.Duplicate(sendLoop);
        Client = new NbdClient(wrap?.Invoke(transport) ?? transport, sender, options ?? new NbdClientOptions(), this);
    }

    public NbdClient Client { get; }
    public Socket Server { get; }
    public EventLoop Loop => _loop.Loop;
    public bool IsReady { get; private set; }
    public bool IsClosed { get; private set; }
    public int Error { get; private set; }
    public string Reason { get; private set; } = string.Empty;

    /// <summary>A client whose handshake is over; it was granted what it asked for, contexts with the numbers 7, 8, …</summary>
    /// <param name="backend">Of the client's loop.</param>
    /// <param name="options">Of the client.</param>
    /// <param name="sendLoop">Another loop for its write side, which the caller runs; null for none.</param>
    public static ClientScript Connected(string backend, NbdClientOptions? options = null, EventLoop? sendLoop = null)
    {
        var script = new ClientScript(backend, options, sendLoop: sendLoop);
        script.Client.Start();
        script.Greet();
        script.Grant(options ?? new NbdClientOptions());
        script.ExpectOption(NbdOption.Go);
        script.SendInfoExport(NbdOption.Go, ExportBytes);
        script.SendOptionReply(NbdOption.Go, 1, []);
        script.RunUntil(() => script.IsReady, "the handshake is over");
        return script;
    }

    /// <summary>The same for each way in which the two sides may work: <c>full</c>, <c>half</c> or <c>threads</c>, with a second thread of its own.</summary>
    public static ClientScript Connected(string backend, string duplex, NbdClientOptions? options = null)
    {
        SenderThread? sender = duplex == "threads" ? new SenderThread(backend, "block") : null;
        ClientScript script = Connected(backend, (options ?? new NbdClientOptions()) with { HalfDuplex = duplex == "half" }, sender?.Loop);
        script._sender = sender;
        return script;
    }

    private void Grant(NbdClientOptions options)
    {
        if (options.Replies != ReplyForm.Simple)
        {
            NbdOption option = options.Replies == ReplyForm.Extended ? NbdOption.ExtendedHeaders : NbdOption.StructuredReply;
            Assert.Empty(ExpectOption(option));
            SendOptionReply(option, 1, []);
            if (options.MetaContexts.Count > 0)
            {
                ExpectOption(NbdOption.SetMetaContext);
                for (int i = 0; i < options.MetaContexts.Count; i++)
                {
                    SendOptionReply(NbdOption.SetMetaContext, 4, [.. Wire.U32((uint)(7 + i)), .. System.Text.Encoding.UTF8.GetBytes(options.MetaContexts[i])]);
                }

                SendOptionReply(NbdOption.SetMetaContext, 1, []);
            }
        }
    }

    public void OnReady(NbdClient client) => IsReady = true;

    public void OnClosed(NbdClient client, int error, string reason)
    {
        Assert.False(IsClosed, "the end was reported twice");
        IsClosed = true;
        Error = error;
        Reason = reason;
    }

    public void RunUntil(Func<bool> condition, string what) => _loop.RunUntil(condition, what);

    public void RunFor(int milliseconds) => _loop.RunFor(milliseconds);

    /// <summary>The loop runs until the connection is over; the reason must be one line with these words.</summary>
    public void ExpectClosed(int error, params string[] words)
    {
        RunUntil(() => IsClosed, "the connection is over");
        Assert.All(words, word => Assert.Contains(word, Reason, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', Reason);
        Assert.Equal(error, Error);
    }

    public void Greet(ushort flags = 3)
    {
        byte[] greeting = new byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(greeting, NbdMagic.Greeting);
        BinaryPrimitives.WriteUInt64BigEndian(greeting.AsSpan(8), NbdMagic.Option);
        BinaryPrimitives.WriteUInt16BigEndian(greeting.AsSpan(16), flags);
        Server.Send(greeting);
        Assert.Equal(flags & 3u, BinaryPrimitives.ReadUInt32BigEndian(Read(4)));
    }

    public byte[] ExpectOption(NbdOption option)
    {
        byte[] header = Read(16);
        Assert.Equal(NbdMagic.Option, BinaryPrimitives.ReadUInt64BigEndian(header));
        Assert.Equal(option, (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8)));
        return Read((int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12)));
    }

    public void SendInfoExport(NbdOption option, ulong size, ushort flags = 1)
    {
        byte[] info = new byte[12];
        BinaryPrimitives.WriteUInt64BigEndian(info.AsSpan(2), size);
        BinaryPrimitives.WriteUInt16BigEndian(info.AsSpan(10), flags);
        SendOptionReply(option, 3, info);
    }

    public void SendOptionReply(NbdOption option, uint type, ReadOnlySpan<byte> data, uint? length = null)
    {
        byte[] reply = new byte[20 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(reply, 0x0003e889045565a9);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), type);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(16), length ?? (uint)data.Length);
        data.CopyTo(reply.AsSpan(20));
        Server.Send(reply);
    }

    /// <summary>The next request as it is on the wire; the data of a WRITE is left unread.</summary>
    public WireRequest ReadRequest()
    {
        byte[] bytes = Read(28);
        Assert.Equal(0x25609513u, BinaryPrimitives.ReadUInt32BigEndian(bytes));
        return new WireRequest(
            BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(4)),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(6)),
            BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)),
            BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(16)),
            BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(24)));
    }

    /// <summary>The next request in its extended form; the data of a WRITE is left unread.</summary>
    public (ushort Flags, NbdCommand Command, ulong Cookie, ulong Offset, ulong Length) ReadExtendedRequest()
    {
        byte[] bytes = Read(32);
        Assert.Equal(0x21e41c71u, BinaryPrimitives.ReadUInt32BigEndian(bytes));
        return (
            BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(4)),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(6)),
            BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)),
            BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(16)),
            BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(24)));
    }

    public void Reply(ulong cookie, uint error = 0, byte[]? data = null, uint magic = 0x67446698) => Server.Send(ReplyBytes(cookie, error, data, magic));

    public static byte[] ReplyBytes(ulong cookie, uint error = 0, byte[]? data = null, uint magic = 0x67446698)
    {
        byte[] reply = new byte[16 + (data?.Length ?? 0)];
        BinaryPrimitives.WriteUInt32BigEndian(reply, magic);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(4), error);
        BinaryPrimitives.WriteUInt64BigEndian(reply.AsSpan(8), cookie);
        data?.CopyTo(reply, 16);
        return reply;
    }

    /// <summary>Reads what the client sends; the loop runs while it has not sent enough.</summary>
    public byte[] Read(int count)
    {
        byte[] bytes = new byte[count];
        int got = 0;
        while (got < count)
        {
            RunUntil(() => Server.Poll(0, SelectMode.SelectRead) || Wake(), $"the client has sent {count} bytes");
            int n = Server.Receive(bytes, got, count - got, SocketFlags.None);
            Assert.NotEqual(0, n);
            got += n;
        }

        return bytes;
    }

    public ScriptedRequest Submit(NbdCommand command, ulong offset, uint length)
    {
        var request = new ScriptedRequest(command, offset, length);
        Client.Submit(request.Request);
        return request;
    }

    public void Dispose()
    {
        Server.Dispose();
        if (!IsClosed)
        {
            if (Client.ReadState == ReadState.NotStarted && Client.WriteState == WriteState.NotStarted && !IsReady)
            {
                Client.Start();
            }

            Client.Drop(32, "the test is over");
            RunUntil(() => IsClosed, "the connection is over");
        }

        Client.Dispose();
        if (_sendLoop is { IsLoopThread: false })
        {
            // That thread may still be waking this loop, which is about to go.
            using var isPast = new ManualResetEventSlim();
            _sendLoop.Post(isPast.Set);
            isPast.Wait();
        }

        _sender?.Dispose();
        _loop.Dispose();
    }

    // The loop must not sleep for ever while the test waits for the other end of the socket.
    private bool Wake()
    {
        Loop.Post(static () => { });
        return false;
    }
}

internal readonly record struct WireRequest(ushort Flags, NbdCommand Command, ulong Cookie, ulong Offset, uint Length);

/// <summary>A request with its own memory that remembers how often and how it ended.</summary>
internal sealed class ScriptedRequest : IClientRequestHandler, IDisposable
{
    private readonly NativeBuffer _memory;

    public ScriptedRequest(NbdCommand command, ulong offset, uint length)
    {
        _memory = new NativeBuffer(Math.Max(1, (int)length), clear: true);
        Request = new ClientRequest(this) { Command = command, Offset = offset, Length = length };
        if (command == NbdCommand.Read)
        {
            Request.Destination = _memory.Slice(0, (int)length);
        }
        else if (command == NbdCommand.Write)
        {
            Request.Payload = _memory.Slice(0, (int)length);
        }
    }

    public ClientRequest Request { get; }
    public Span<byte> Memory => _memory.Whole.Span;
    public int Ends { get; private set; }
    public int Error { get; private set; } = -1;
    public Action? Then { get; set; }

    public void OnCompleted(ClientRequest request, int error)
    {
        Ends++;
        Error = error;
        Then?.Invoke();
    }

    public void ExpectEnd(int error)
    {
        Assert.Equal(1, Ends);
        Assert.Equal(error, Error);
    }

    public void Dispose() => _memory.Dispose();
}
