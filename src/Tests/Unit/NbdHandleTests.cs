using System.Buffers.Binary;
using System.Net.Sockets;
using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <summary>A handle in a caller's own poll(2) loop: copies, other threads, waiting until a request has left, and its ends. No call of it sleeps.</summary>
public class NbdHandleTests
{
    private const int DiskBytes = 8 << 20;

    [Fact]
    public void A_callers_loop_copies_one_export_to_another()
    {
        byte[] disk = RandomBytes(DiskBytes, 1);
        using var source = new UpstreamServer(new MemoryStore(DiskBytes));
        using var target = new UpstreamServer(new MemoryStore(DiskBytes));
        Fill(source, disk);
        NeverSleeps.In(watch =>
        {
            using var from = new TestedHandle(watch);
            using var to = new TestedHandle(watch);
            var caller = new PollingCaller(from.Handle, to.Handle);
            from.Connect(source.Uri);
            to.Connect(target.Uri);
            caller.Until(() => from.IsReady && to.IsReady, "both are ready");
            using var copy = new Copy(from.Handle, to.Handle, depth: 8, pieceBytes: 192 << 10);
            caller.Until(() => copy.IsDone, "all is copied");
            from.Handle.Disconnect();
            to.Handle.Disconnect();
            caller.Until(() => from.Closed + to.Closed == 2, "both have left");
            Assert.Equal((0, 0), (from.Error, to.Error));
        });
        Assert.True(disk.AsSpan().SequenceEqual(Contents(target)), "the copy differs");
    }

    [Fact]
    public void Requests_of_other_threads_end_the_sleep_of_the_loop()
    {
        const int Threads = 4;
        const int Each = 250;
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        NeverSleeps.In(watch =>
        {
            using var tested = new TestedHandle(watch);
            var caller = new PollingCaller(tested.Handle);
            tested.Connect(server.Uri);
            var others = new Issuer[Threads];
            for (int i = 0; i < Threads; i++)
            {
                // Begun before the connection is ready.
                others[i] = new Issuer(tested.Handle, i * (DiskBytes / Threads), Each);
            }

            // Each issues only when its last one has ended: so the loop sleeps again and again with nothing in flight, and only they can wake it.
            caller.Until(() => others.All(other => other.Ended == Each), "all have ended");
            Assert.All(others, other => other.Join());
            Assert.True(caller.Polls > Each, $"the loop slept {caller.Polls} times");
        });
    }

    [Fact]
    public void The_direction_follows_what_is_in_the_way()
    {
        using var tested = new TestedHandle();
        (int fd, int peer) = Sockets.Pair();
        using var server = new Socket(new SafeSocketHandle(peer, ownsHandle: true));
        tested.Handle.Adopt(fd, "unix:script");
        Assert.Equal((fd, FdFlags.Read), (tested.Handle.Fd, tested.Handle.Direction));
        HandshakeByHand(tested, server);

        // More than the socket holds: the rest waits for room, while the other side waits for replies.
        using var large = new ScriptedRequest(NbdCommand.Write, 0, DiskBytes);
        tested.Handle.Issue(large.Request);
        Assert.Equal(FdFlags.ReadWrite, tested.Handle.Direction);
        Drain(server, 28 + DiskBytes, tested);
        Assert.Equal(FdFlags.Read, tested.Handle.Direction);
        Assert.Equal(0, large.Ends);
        server.Dispose();
        new PollingCaller(tested.Handle).Until(() => tested.Closed == 1, "the end is told");
        Assert.Equal(Errno.ECONNRESET, tested.Error);
        Assert.Equal((-1, FdFlags.None), (tested.Handle.Fd, tested.Handle.Direction));
        large.ExpectEnd(Errno.ECONNRESET);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Who_sends_whole_returns_before_the_reply(bool fromOtherThread)
    {
        var held = new LargeHeldBlock();
        using var server = new UpstreamServer(held);
        using var tested = new TestedHandle();
        var caller = new PollingCaller(tested.Handle);
        tested.Connect(server.Uri);
        caller.Until(() => tested.IsReady, "it is ready");
        using var large = new ScriptedRequest(NbdCommand.Write, 0, DiskBytes);
        using var small = new ScriptedRequest(NbdCommand.Read, 0, 4096);
        using var flush = new ScriptedRequest(NbdCommand.Flush, 0, 0);
        if (fromOtherThread)
        {
            int over = 0;
            Exception? failure = null;
            var other = new Thread(() => failure = Record.Exception(() =>
            {
                Assert.True(tested.Handle.SendWhole(large.Request));
                Assert.True(tested.Handle.SendWhole(small.Request));
                Volatile.Write(ref over, 1);

                // The loop sleeps, and looks when it is woken.
                tested.Handle.Issue(flush.Request);
            }));
            other.Start();
            caller.Until(() => Volatile.Read(ref over) == 1, "it was sent");
            other.Join();
            Assert.Null(failure);
        }
        else
        {
            Assert.True(tested.Handle.SendWhole(large.Request));
            Assert.True(tested.Handle.SendWhole(small.Request));
        }

        // The block answers nothing before it is told to.
        Assert.Equal((0, 0), (large.Ends, small.Ends));
        server.Do(() => held.IsOpen = true);
        server.Do(held.CompleteAll);
        caller.Until(() => large.Ends + small.Ends == 2, "both are answered");
        large.ExpectEnd(0);
        small.ExpectEnd(0);
    }

    [Fact]
    public void A_server_that_answers_before_it_reads_on_does_not_hold_up_who_sends_whole()
    {
        const int Reads = 40;
        using var tested = new TestedHandle();
        (int fd, int peer) = Sockets.Pair();
        using var server = new Socket(new SafeSocketHandle(peer, ownsHandle: true));
        tested.Handle.Adopt(fd, "unix:script");
        HandshakeByHand(tested, server);
        List<ScriptedRequest> reads = [.. Enumerable.Range(0, Reads).Select(i => new ScriptedRequest(NbdCommand.Read, 0, 256 << 10))];
        reads.ForEach(read => tested.Handle.Issue(read.Request));
        Exception? failure = null;
        var other = new Thread(() => failure = Record.Exception(() =>
        {
            // All answers first, more than any buffer holds; then the large WRITE is read.
            byte[] header = new byte[28];
            for (int i = 0; i < Reads; i++)
            {
                ReceiveAll(server, header);
                server.Send(ClientScript.ReplyBytes(BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)), 0, new byte[256 << 10]));
            }

            ReceiveAll(server, new byte[28 + DiskBytes]);
        }));
        other.Start();
        using var large = new ScriptedRequest(NbdCommand.Write, 0, DiskBytes);
        Assert.True(tested.Handle.SendWhole(large.Request));
        other.Join();
        Assert.Null(failure);
        new PollingCaller(tested.Handle).Until(() => reads.All(read => read.Ends == 1), "all are answered");
        Assert.Equal(0, large.Ends);
        reads.ForEach(read => read.ExpectEnd(0));
        tested.Handle.Dispose();
        large.ExpectEnd(Errno.ECANCELED);
        reads.ForEach(read => read.Dispose());
    }

    [Fact]
    public void Who_sends_whole_to_a_server_that_reads_nothing_has_its_time_limit()
    {
        using var tested = new TestedHandle();
        (int fd, int peer) = Sockets.Pair();
        using var server = new Socket(new SafeSocketHandle(peer, ownsHandle: true));
        tested.Handle.Adopt(fd, "unix:script");
        HandshakeByHand(tested, server);
        using var large = new ScriptedRequest(NbdCommand.Write, 0, DiskBytes);
        Assert.False(tested.Handle.SendWhole(large.Request, timeoutMs: 20));
        Assert.True(large.Request.IsPending);
        Drain(server, 28 + DiskBytes, tested);
        tested.Handle.Drop(Errno.EIO, "enough");
        large.ExpectEnd(Errno.EIO);
        Assert.Equal("enough", tested.Reason);
    }

    [Fact]
    public void What_cannot_be_sent_does_not_end_within_the_call_that_issues_it()
    {
        using var tested = new TestedHandle();
        (int fd, int peer) = Sockets.Pair();
        using var server = new Socket(new SafeSocketHandle(peer, ownsHandle: true));
        tested.Handle.Adopt(fd, "unix:script");
        HandshakeByHand(tested, server);
        server.Dispose();
        using var read = new ScriptedRequest(NbdCommand.Read, 0, 512);
        tested.Handle.Issue(read.Request);
        Assert.Equal((0, 0), (read.Ends, tested.Closed));
        new PollingCaller(tested.Handle).Until(() => tested.Closed == 1, "the end is told");
        read.ExpectEnd(Errno.EPIPE);
        Assert.Contains("cannot send", tested.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nobody_listens_the_end_says_so_and_early_requests_end()
    {
        using var folder = new TempDir();
        using var tested = new TestedHandle();
        using var early = new ScriptedRequest(NbdCommand.Read, 0, 512);
        tested.Connect($"nbd+unix:///?socket={folder.File("none")}");
        tested.Handle.Issue(early.Request);
        new PollingCaller(tested.Handle).Until(() => tested.Closed == 1 && early.Ends == 1, "the end is told");
        Assert.Equal(Errno.ENOENT, tested.Error);
        Assert.Contains("there is no such socket", tested.Reason, StringComparison.Ordinal);
        using var late = new ScriptedRequest(NbdCommand.Read, 0, 512);
        tested.Handle.Issue(late.Request);
        Assert.Equal(0, late.Ends);
        tested.Handle.NotifyWake();
        late.ExpectEnd(Errno.ESHUTDOWN);
    }

    [Fact]
    public void Misuse_is_told_at_once()
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        using var tested = new TestedHandle();
        using var read = new ScriptedRequest(NbdCommand.Read, 0, 512);
        Assert.Throws<InvalidOperationException>(() => tested.Handle.Issue(read.Request));
        Assert.Throws<InvalidOperationException>(() => tested.Handle.Export);
        tested.Connect(server.Uri);
        Assert.Throws<InvalidOperationException>(() => tested.Handle.Connect([]));
        new PollingCaller(tested.Handle).Until(() => tested.IsReady, "it is ready");
        Exception? elsewhere = null;
        var other = new Thread(() => elsewhere = Record.Exception(tested.Handle.NotifyRead));
        other.Start();
        other.Join();
        Assert.Contains(nameof(NbdHandle.Issue), Assert.IsType<InvalidOperationException>(elsewhere).Message, StringComparison.Ordinal);
        read.Request.Length = 1000;
        Assert.Throws<ArgumentException>(() => tested.Handle.Issue(read.Request));
        read.Request.Length = 512;
        Exception? inside = null;
        read.Then = () => inside = Record.Exception(() => tested.Handle.SendWhole(read.Request));
        tested.Handle.Issue(read.Request);
        new PollingCaller(tested.Handle).Until(() => read.Ends == 1, "it is answered");
        Assert.IsType<InvalidOperationException>(inside);
    }

    [SkippableTheory]
    [InlineData("a blocking read")]
    [InlineData("fsync")]
    public void A_call_that_is_made_to_block_is_told(string how)
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        using var folder = new TempDir();
        using FileStream file = File.Create(folder.File("f"));
        Action block = how == "fsync" ? () => Sync(file) : BlockingRead;
        long sleeps = ThreadUsage.Now().VoluntarySwitches;
        block();
        Skip.If(ThreadUsage.Now().VoluntarySwitches == sleeps, "fsync(2) does not wait for a disk here, as on tmpfs");
        CallWatch? watch = null;
        for (int tries = 0; tries < 5 && watch?.Reports.Any(IsOfRequest) != true; tries++)
        {
            watch = new CallWatch();
            using var tested = new TestedHandle(watch, wrap: transport => new BlockingTransport(transport, block));
            var caller = new PollingCaller(tested.Handle);
            tested.Connect(server.Uri);
            caller.Until(() => tested.IsReady, "it is ready");
            using var request = new ScriptedRequest(NbdCommand.Write, 0, 4096);
            tested.Handle.Issue(request.Request);
            caller.Until(() => request.Ends == 1, "it is answered");
        }

        // Named by the innermost call, with the stack that leads there from the entry point.
        CallReport report = watch!.Reports.First(IsOfRequest);
        Assert.Contains("NbdHandle.Issue", report.Stack, StringComparison.Ordinal);

        bool IsOfRequest(CallReport report) =>
            report.Slept && report.Name == "NbdHandle: send" && report.Stack.Contains("WriteSide", StringComparison.Ordinal);
    }

    [Fact]
    public void A_handler_that_blocks_is_told_of_the_call_that_it_blocks()
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        var watch = new CallWatch();
        using var tested = new TestedHandle(watch);
        var caller = new PollingCaller(tested.Handle);
        tested.Connect(server.Uri);
        caller.Until(() => tested.IsReady, "it is ready");
        for (int tries = 0; tries < 5 && !watch.Reports.Any(report => report.Slept && report.Name == "NbdHandle.NotifyRead"); tries++)
        {
            using var request = new ScriptedRequest(NbdCommand.Read, 0, 4096) { Then = BlockingRead };
            tested.Handle.Issue(request.Request);
            caller.Until(() => request.Ends == 1, "it is answered");
        }

        Assert.Contains(watch.Reports, report => report.Slept && report.Name == "NbdHandle.NotifyRead");
    }

    private static byte[] RandomBytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static void Fill(UpstreamServer server, ReadOnlySpan<byte> bytes) => Whole(server, NbdCommand.Write, bytes);

    private static byte[] Contents(UpstreamServer server) => Whole(server, NbdCommand.Read, default);

    private static byte[] Whole(UpstreamServer server, NbdCommand command, ReadOnlySpan<byte> bytes)
    {
        using var tested = new TestedHandle();
        var caller = new PollingCaller(tested.Handle);
        tested.Connect(server.Uri);
        using var request = new ScriptedRequest(command, 0, DiskBytes);
        bytes.CopyTo(request.Memory);
        tested.Handle.Issue(request.Request);
        caller.Until(() => request.Ends == 1, "it is done");
        request.ExpectEnd(0);
        return request.Memory.ToArray();
    }

    /// <summary>The other end's part of the handshake, for an export that takes what the tests send.</summary>
    private static void HandshakeByHand(TestedHandle tested, Socket server)
    {
        byte[] greeting = [.. Wire.U64(NbdMagic.Greeting), .. Wire.U64(NbdMagic.Option), 0, 3];
        server.Send(greeting);
        tested.Handle.NotifyRead();

        // The flags, and GO with its length.
        byte[] head = new byte[4 + 16];
        ReceiveAll(server, head);
        ReceiveAll(server, new byte[head[19]]);
        byte[] info = [0, 0, .. Wire.U64(1ul << 30), 0, 1];
        server.Send([.. OptionReply(3, info), .. OptionReply(1, [])]);
        var caller = new PollingCaller(tested.Handle);
        caller.Until(() => tested.IsReady, "the handshake is over");
    }

    private static byte[] OptionReply(uint type, byte[] data) =>
        [.. Wire.U64(0x0003e889045565a9), .. Wire.U32(7), .. Wire.U32(type), .. Wire.U32((uint)data.Length), .. data];

    private static void ReceiveAll(Socket socket, byte[] into)
    {
        for (int got = 0; got < into.Length;)
        {
            int count = socket.Receive(into, got, into.Length - got, SocketFlags.None);
            Assert.NotEqual(0, count);
            got += count;
        }
    }

    /// <summary>Reads so much at the other end, while the caller's loop writes on whenever there is room.</summary>
    private static void Drain(Socket server, long count, TestedHandle tested)
    {
        byte[] bytes = new byte[1 << 20];
        while (count > 0)
        {
            if (server.Poll(0, SelectMode.SelectRead))
            {
                count -= server.Receive(bytes, 0, (int)Math.Min(count, bytes.Length), SocketFlags.None);
            }
            else
            {
                tested.Handle.NotifyWrite();
            }
        }

        tested.Handle.NotifyWrite();
    }

    private static void Sync(FileStream file)
    {
        RandomAccess.Write(file.SafeFileHandle, new byte[4096], 0);
        RandomAccess.FlushToDisk(file.SafeFileHandle);
    }

    /// <summary>A wait for a byte that does not come, for a moment.</summary>
    private static void BlockingRead()
    {
        (int fd, int peer) = Sockets.Pair();
        Span<PollEntry> entry = [new PollEntry(fd, FdFlags.Read)];
        DescriptorPoll.Wait(entry, timeoutMs: 5);
        Sockets.CloseUnused(fd);
        Sockets.CloseUnused(peer);
    }

    /// <summary>Keeps WRITEs and READs of 8 MiB until it is opened; it has room for large requests.</summary>
    private sealed class LargeHeldBlock : HeldBlock, IBlock
    {
        ulong IBlock.Size => DiskBytes;

        public bool IsOpen { get; set; }

        public override void Start(BlockRequest request)
        {
            base.Start(request);
            if (IsOpen)
            {
                CompleteAll();
            }
        }
    }

    private sealed class BlockingTransport(ITransport inner, Action block) : ITransport
    {
        public EventLoop Loop => inner.Loop;

        public string Peer => inner.Peer;

        public void Receive(IoOperation operation, NativeSlice into) => inner.Receive(operation, into);

        public void WaitReadable(IoOperation operation) => inner.WaitReadable(operation);

        public void Send(IoOperation operation, SendVector vector)
        {
            block();
            inner.Send(operation, vector);
        }

        public void Close(IoOperation operation) => inner.Close(operation);

        public void Cancel(IoOperation operation) => inner.Cancel(operation);
    }

    /// <summary>Reads here and writes there, so many pieces at a time.</summary>
    private sealed class Copy : IDisposable
    {
        private readonly List<ScriptedRequest> _requests = [];
        private readonly NbdHandle _from;
        private readonly NbdHandle _to;
        private readonly int _pieceBytes;
        private int _next;
        private int _done;

        public Copy(NbdHandle from, NbdHandle to, int depth, int pieceBytes)
        {
            (_from, _to, _pieceBytes) = (from, to, pieceBytes);
            for (int i = 0; i < depth; i++)
            {
                Next();
            }
        }

        public bool IsDone => _done == DiskBytes;

        public void Dispose() => _requests.ForEach(request => request.Dispose());

        private void Next()
        {
            if (_next == DiskBytes)
            {
                return;
            }

            int offset = _next;
            int length = Math.Min(_pieceBytes, DiskBytes - offset);
            _next += length;
            var read = new ScriptedRequest(NbdCommand.Read, (ulong)offset, (uint)length);
            var write = new ScriptedRequest(NbdCommand.Write, (ulong)offset, (uint)length);
            _requests.AddRange([read, write]);
            read.Then = () =>
            {
                read.ExpectEnd(0);
                read.Memory.CopyTo(write.Memory);
                _to.Issue(write.Request);
            };
            write.Then = () =>
            {
                write.ExpectEnd(0);
                _done += length;
                read.Dispose();
                write.Dispose();
                Next();
            };
            _from.Issue(read.Request);
        }
    }

    /// <summary>A thread that writes and reads its own part of the disk, one request at a time, each once the one before has ended.</summary>
    private sealed class Issuer : IClientRequestHandler
    {
        private readonly NbdHandle _handle;
        private readonly AutoResetEvent _over = new(false);
        private readonly Thread _thread;
        private Exception? _failure;
        private int _ended;
        private int _error;

        public Issuer(NbdHandle handle, int offset, int count)
        {
            _handle = handle;
            _thread = new Thread(() => _failure = Record.Exception(() => Work(offset, count)));
            _thread.Start();
        }

        public int Ended => Volatile.Read(ref _ended);

        public void OnCompleted(ClientRequest request, int error)
        {
            _error = error;
            Interlocked.Increment(ref _ended);
            _over.Set();
        }

        public void Join()
        {
            _thread.Join();
            Assert.Null(_failure);
        }

        private void Work(int offset, int count)
        {
            using var memory = new NativeBuffer(4096);
            var request = new ClientRequest(this) { Offset = (ulong)offset, Length = 4096, Payload = memory.Whole, Destination = memory.Whole };
            for (int i = 0; i < count; i++)
            {
                request.Command = i % 2 == 0 ? NbdCommand.Write : NbdCommand.Read;
                memory.Whole.Span.Fill((byte)(i % 2 == 0 ? i : 255));
                _handle.Issue(request);
                Assert.True(_over.WaitOne(20_000), $"request {i} has not ended");
                Assert.Equal(0, _error);
                Assert.Equal((byte)(i & ~1), memory.Whole.Span[4095]);
            }
        }
    }
}
