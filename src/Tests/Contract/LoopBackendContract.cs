using System.Net;
using System.Net.Sockets;
using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <summary>What every backend promises, whatever it asks the kernel for. Each backend's class below names it; the tests are the same.</summary>
public abstract class LoopBackendContract
{
    protected abstract string Backend { get; }

    [Fact]
    public void Names_itself()
    {
        using var test = new LoopHarness(Backend);
        Assert.Equal(Backend, test.Loop.BackendName);
    }

    [Fact]
    public void Receive_completes_with_what_is_there()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.Loop.Post(() => peer.Send("hello"u8));
        test.RunUntil(() => receive.Count == 1, "the receive ends");
        Assert.Equal(5, receive.Result);
        Assert.Equal("hello"u8.ToArray(), buffer.Slice(0, 5).Span.ToArray());
        peer.Dispose();
    }

    [Fact]
    public void Receive_after_a_receive_that_left_data_behind_gets_the_rest()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(4);
        peer.Send("abcdefghij"u8);
        var got = new List<byte>();
        var receive = new Recorded();
        receive.Then = n =>
        {
            got.AddRange(buffer.Slice(0, n).Span.ToArray());
            if (got.Count < 10)
            {
                test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            }
        };
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => got.Count == 10, "all ten bytes have come");
        Assert.Equal("abcdefghij"u8.ToArray(), got.ToArray());
        peer.Dispose();
    }

    [Fact]
    public void End_of_stream_that_came_together_with_data_is_seen()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        peer.Send("x"u8);
        peer.Dispose();
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 1, "the byte comes");
        Assert.Equal(1, receive.Result);
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 2, "the end of the stream comes");
        Assert.Equal(0, receive.Result);
    }

    [Fact]
    public void Peer_that_vanishes_ends_a_pending_receive_and_refuses_a_send()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.Loop.Post(peer.Dispose);
        test.RunUntil(() => receive.Count == 1, "the receive ends");
        Assert.Equal(0, receive.Result);

        using var vector = new SendVector();
        vector.Add(buffer.Whole);
        var send = new Recorded();
        test.Loop.Send(send.Operation, fd, vector);
        test.RunUntil(() => send.Count == 1, "the send ends");
        Assert.Contains(send.Result, new[] { -Errno.EPIPE, -Errno.ECONNRESET });
    }

    [Fact]
    public void Short_sends_deliver_every_byte_in_order()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        Sockets.SetSendBuffer(fd, 4096);
        int total = TestScale.Pick(1 << 20, 64 << 20);
        using var buffer = new NativeBuffer(1 << 20);
        new Random(7).NextBytes(buffer.Whole.Span);
        using var vector = new SendVector();
        int shorts = 0;
        long left = total;
        var send = new Recorded();
        void Next()
        {
            if (vector.IsEmpty)
            {
                for (int at = 0; at < buffer.Length; at += 8192)
                {
                    vector.Add(buffer.Slice(at, 8192));
                }
            }

            test.Loop.Send(send.Operation, fd, vector);
        }

        send.Then = n =>
        {
            Assert.True(n > 0, $"send failed with {n}");
            shorts += n < vector.Bytes ? 1 : 0;
            vector.Advance(n);
            left -= n;
            if (left > 0)
            {
                Next();
            }
        };
        Next();
        byte[] expected = buffer.Whole.Span.ToArray();
        Task<bool> reader = Task.Run(() => ReadAndCompare(peer, expected, total));
        test.RunUntil(() => left <= 0, "everything is sent");
        peer.ReceiveTimeout = 20_000;
        Assert.True(reader.GetAwaiter().GetResult(), "the peer received other bytes than were sent");
        Assert.True(shorts > 0, "the socket never took less than it was given, so this test has tested nothing");
        peer.Dispose();
    }

    [Fact]
    public void Send_waits_for_a_peer_that_does_not_read_and_goes_on_when_it_does()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        Sockets.SetSendBuffer(fd, 4096);
        using var buffer = new NativeBuffer(1 << 20);
        Recorded send = FillUntilBlocked(test, fd, buffer, out SendVector vector);
        byte[] sink = new byte[1 << 20];
        int before = send.Count;
        while (send.Count == before)
        {
            peer.Receive(sink);
            test.RunFor(1);
        }

        Assert.True(send.Result > 0);
        vector.Dispose();
        peer.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cancel_ends_a_waiting_receive_once(bool beforeTheFirstTurn)
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        if (!beforeTheFirstTurn)
        {
            test.RunFor(2);
        }

        test.Loop.Cancel(receive.Operation);
        test.Loop.Cancel(receive.Operation);
        test.RunUntil(() => receive.Count == 1, "the receive ends");
        Assert.Equal(-Errno.ECANCELED, receive.Result);
        peer.Send("late"u8);
        test.RunFor(5);
        Assert.Equal(1, receive.Count);

        // What came after the cancel is still there for the next receive.
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 2, "the late bytes come");
        Assert.Equal(4, receive.Result);
        peer.Dispose();
    }

    [Fact]
    public void Cancel_of_an_operation_that_has_won_keeps_its_result()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        int cancelled = 0;
        for (int round = 1; round <= TestScale.Pick(200, 5000); round++)
        {
            peer.Send("y"u8);
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            if (round % 2 == 0)
            {
                test.Loop.RunOnce();
            }

            test.Loop.Cancel(receive.Operation);
            test.RunUntil(() => receive.Count == round + cancelled, "the receive ends");
            if (receive.Result == -Errno.ECANCELED)
            {
                // The byte was not lost: the next receive has it.
                cancelled++;
                test.Loop.Receive(receive.Operation, fd, buffer.Whole);
                test.RunUntil(() => receive.Count == round + cancelled, "the byte comes");
            }

            Assert.Equal(1, receive.Result);
        }

        peer.Dispose();
    }

    [Fact]
    public void Cancel_ends_a_blocked_send_once_and_an_idle_one_not_at_all()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        Sockets.SetSendBuffer(fd, 4096);
        using var buffer = new NativeBuffer(1 << 20);
        Recorded send = FillUntilBlocked(test, fd, buffer, out SendVector vector);
        int before = send.Count;
        test.Loop.Cancel(send.Operation);
        test.RunUntil(() => send.Count == before + 1, "the send ends");
        Assert.Equal(-Errno.ECANCELED, send.Result);
        test.Loop.Cancel(send.Operation);
        test.RunFor(2);
        Assert.Equal(before + 1, send.Count);
        vector.Dispose();
        peer.Dispose();
    }

    [Fact]
    public void Close_ends_everything_pending_once_before_the_descriptor_is_closed()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        Sockets.SetSendBuffer(fd, 4096);
        using var buffer = new NativeBuffer(1 << 20);
        using var into = new NativeBuffer(64);
        var receive = new Recorded();
        var close = new Recorded();
        bool openWhenReceiveEnded = false;
        string? socket = OpenFile(fd);
        receive.Then = _ => openWhenReceiveEnded = close.Count == 0 && OpenFile(fd) == socket;
        test.Loop.Receive(receive.Operation, fd, into.Whole);
        Recorded send = FillUntilBlocked(test, fd, buffer, out SendVector vector);
        int sendsBefore = send.Count;
        uint generation = test.Loop.Generation(fd);

        test.Loop.Close(close.Operation, fd);
        var refused = new Recorded();
        test.Loop.Receive(refused.Operation, fd, into.Slice(32, 8));
        test.RunUntil(() => close.Count == 1, "the close ends");
        test.Forget(fd);
        Assert.Equal(0, close.Result);
        Assert.Equal((1, -Errno.ECANCELED), (receive.Count, receive.Result));
        Assert.Equal((sendsBefore + 1, -Errno.ECANCELED), (send.Count, send.Result));
        Assert.Equal((1, -Errno.ECANCELED), (refused.Count, refused.Result));
        Assert.True(openWhenReceiveEnded, "the descriptor was closed before the receive's end was told");
        Assert.Equal(generation + 1, test.Loop.Generation(fd));
        Assert.NotEqual(socket, OpenFile(fd));

        // The peer sees the end of the stream, and nothing more happens here.
        peer.ReceiveTimeout = 20_000;
        byte[] sink = new byte[1 << 20];
        while (peer.Receive(sink) > 0)
        {
        }

        test.RunFor(5);
        Assert.Equal(1, receive.Count);
        vector.Dispose();
        peer.Dispose();
    }

    [Fact]
    public void Close_keeps_the_result_of_an_operation_that_has_won()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var first = new Recorded();
        var receive = new Recorded();
        var close = new Recorded();

        // Both wake the loop in one turn; the first handler closes the descriptor of the second, whose data is already here.
        (int other, Socket otherPeer) = test.Pair();
        first.Then = _ => test.Loop.Close(close.Operation, fd);
        using var otherBuffer = new NativeBuffer(64);
        test.Loop.Receive(first.Operation, other, otherBuffer.Whole);
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunFor(1);
        otherPeer.Send("1"u8);
        peer.Send("22"u8);
        test.RunUntil(() => close.Count == 1, "the close ends");
        test.Forget(fd);
        Assert.Equal(1, receive.Count);
        Assert.Contains(receive.Result, new[] { 2, -Errno.ECANCELED });
        peer.Dispose();
        otherPeer.Dispose();
    }

    [Fact]
    public void Second_close_of_a_descriptor_that_is_closing_says_bad_descriptor()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        var first = new Recorded();
        var second = new Recorded();
        test.Loop.Close(first.Operation, fd);
        test.Loop.Close(second.Operation, fd);
        test.RunUntil(() => first.Count + second.Count == 2, "both closes end");
        test.Forget(fd);
        Assert.Equal((0, -Errno.EBADF), (first.Result, second.Result));
        peer.Dispose();
    }

    [Fact]
    public void Reused_descriptor_number_gets_none_of_the_old_events()
    {
        using var test = new LoopHarness(Backend);
        using var buffer = new NativeBuffer(64);
        for (int round = 0; round < TestScale.Pick(200, 1000); round++)
        {
            (int fd, Socket peer) = test.Pair();
            var receive = new Recorded();
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            if (round % 3 == 0)
            {
                test.Loop.RunOnceWithoutSleep();
            }

            peer.Send("old"u8);
            test.Close(fd);
            Assert.Equal(1, receive.Count);
            (int again, Socket newPeer) = test.Pair();
            var fresh = new Recorded();
            test.Loop.Receive(fresh.Operation, again, buffer.Whole);
            test.Loop.RunOnceWithoutSleep();
            Assert.Equal(0, fresh.Count);
            newPeer.Send("n"u8);
            test.RunUntil(() => fresh.Count == 1, "the new byte comes");
            Assert.Equal(1, fresh.Result);
            test.Close(again);
            peer.Dispose();
            newPeer.Dispose();
        }
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void Accept_and_connect_meet(string where)
    {
        using var test = new LoopHarness(Backend);
        string path = Path.Combine(Path.GetTempPath(), $"hl-{Guid.NewGuid():N}"[..16]);
        using SocketEndpoint any = where == "unix" ? SocketEndpoint.Unix(path) : SocketEndpoint.Internet(IPAddress.Parse(where), 0);
        int listener = Sockets.Listen(any);
        using SocketEndpoint target = where == "unix" ? SocketEndpoint.Unix(path) : SocketEndpoint.Internet(IPAddress.Parse(where), Sockets.LocalPort(listener));
        var accept = new Recorded();
        var connect = new Recorded();
        test.Loop.Accept(accept.Operation, listener);
        test.RunFor(1);
        int client = Sockets.Create(target);
        test.Loop.Connect(connect.Operation, client, target);
        test.RunUntil(() => accept.Count == 1 && connect.Count == 1, "both sides are connected");
        Assert.Equal(0, connect.Result);
        Assert.True(accept.Result > 0);

        using var vector = new SendVector();
        using var buffer = new NativeBuffer(16);
        vector.Add(buffer.Slice(0, 3));
        var send = new Recorded();
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, accept.Result, buffer.Slice(8, 8));
        test.Loop.Send(send.Operation, client, vector);
        test.RunUntil(() => receive.Count == 1 && send.Count == 1, "three bytes have crossed");
        Assert.Equal((3, 3), (receive.Result, send.Result));

        test.Loop.Accept(accept.Operation, listener);
        test.Close(client);
        test.Close(accept.Result);
        test.Close(listener);
        Assert.Equal((2, -Errno.ECANCELED), (accept.Count, accept.Result));
        File.Delete(path);
    }

    [Fact]
    public void Connect_to_nobody_is_refused()
    {
        using var test = new LoopHarness(Backend);
        using SocketEndpoint any = SocketEndpoint.Internet(IPAddress.Loopback, 0);
        int listener = Sockets.Listen(any);
        using SocketEndpoint target = SocketEndpoint.Internet(IPAddress.Loopback, Sockets.LocalPort(listener));
        test.Close(listener);
        int client = Sockets.Create(target);
        var connect = new Recorded();
        test.Loop.Connect(connect.Operation, client, target);
        test.RunUntil(() => connect.Count == 1, "the connect ends");
        Assert.Equal(-Errno.ECONNREFUSED, connect.Result);
        test.Close(client);
    }

    [Fact]
    public void Files_are_written_read_flushed_and_punched()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        int fd = (int)handle.DangerousGetHandle();
        using var buffer = new NativeBuffer(8192);
        buffer.Slice(0, 4096).Span.Fill(0xab);
        var write = new Recorded();
        test.Loop.Write(write.Operation, fd, buffer.Slice(0, 4096), 4096);
        test.RunUntil(() => write.Count == 1, "the write ends");
        Assert.Equal(4096, write.Result);
        var flush = new Recorded();
        test.Loop.Flush(flush.Operation, fd);
        test.RunUntil(() => flush.Count == 1, "the flush ends");
        Assert.Equal(0, flush.Result);
        var read = new Recorded();
        test.Loop.Read(read.Operation, fd, buffer.Slice(4096, 4096), 6144);
        test.RunUntil(() => read.Count == 1, "the read ends");
        Assert.Equal(2048, read.Result);
        Assert.True(buffer.Slice(4096, 2048).Span.IndexOfAnyExcept((byte)0xab) < 0);
        var punch = new Recorded();
        test.Loop.Allocate(punch.Operation, fd, AllocateMode.PunchHole, 4096, 4096);
        test.RunUntil(() => punch.Count == 1, "the punch ends");
        if (punch.Result != -Errno.EOPNOTSUPP)
        {
            Assert.Equal(0, punch.Result);
            test.Loop.Read(read.Operation, fd, buffer.Slice(4096, 4096), 4096);
            test.RunUntil(() => read.Count == 2, "the second read ends");
            Assert.Equal(4096, read.Result);
            Assert.True(buffer.Slice(4096, 4096).Span.IndexOfAnyExcept((byte)0) < 0);
        }

        test.Loop.Read(read.Operation, fd, buffer.Whole, 1 << 20);
        test.RunUntil(() => read.Count >= 2 && !read.Operation.IsPending, "the read past the end ends");
        Assert.Equal(0, read.Result);
        File.Delete(path);
    }

    [Fact]
    public void Many_file_reads_in_flight_each_end_once()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[1 << 20]);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        int fd = (int)handle.DangerousGetHandle();
        using var buffer = new NativeBuffer(1 << 20);
        var reads = Enumerable.Range(0, 1000).Select(_ => new Recorded()).ToArray();
        for (int i = 0; i < reads.Length; i++)
        {
            test.Loop.Read(reads[i].Operation, fd, buffer.Slice(i * 1024, 1024), i * 1024);
        }

        for (int i = 0; i < reads.Length; i += 3)
        {
            test.Loop.Cancel(reads[i].Operation);
        }

        test.RunUntil(() => reads.All(r => r.Count > 0), "every read ends");
        Assert.All(reads, r => Assert.Equal(1, r.Count));
        Assert.All(reads.Where((_, i) => i % 3 != 0), r => Assert.Equal(1024, r.Result));
        Assert.All(reads, r => Assert.Contains(r.Result, new[] { 1024, -Errno.ECANCELED }));
        File.Delete(path);
    }

    [Fact]
    public void More_operations_than_any_queue_holds_all_end()
    {
        using var test = new LoopHarness(Backend);
        int pairs = TestScale.Pick(400, 4000);
        using var buffer = new NativeBuffer(64);
        var all = new List<(int Fd, Socket Peer, Recorded Receive)>();
        for (int i = 0; i < pairs; i++)
        {
            (int fd, Socket peer) = test.Pair();
            var receive = new Recorded();
            test.Loop.Receive(receive.Operation, fd, buffer.Slice(i % 64, 1));
            all.Add((fd, peer, receive));
        }

        test.Loop.RunOnceWithoutSleep();
        foreach ((_, Socket peer, _) in all)
        {
            peer.Send("z"u8);
        }

        test.RunUntil(() => all.All(a => a.Receive.Count == 1), "every receive ends");
        Assert.All(all, a => Assert.Equal(1, a.Receive.Result));
        foreach ((int fd, Socket peer, _) in all)
        {
            test.Close(fd);
            peer.Dispose();
        }
    }

    [Fact]
    public void Deadline_ends_a_receive_with_etime_and_not_early()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        receive.Operation.TimeoutNs = 20_000_000;
        long startNs = test.Loop.NowNs;
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 1, "the deadline passes");
        Assert.Equal(-Errno.ETIME, receive.Result);
        Assert.True(test.Loop.NowNs - startNs >= 20_000_000, "the deadline came early");

        // In time it keeps its result, and the deadline leaves nothing behind.
        peer.Send("in time"u8);
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 2, "the bytes come");
        Assert.Equal(7, receive.Result);
        test.RunFor(30);
        Assert.Equal(2, receive.Count);

        // A cancel is a cancel, not a deadline.
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.Loop.Cancel(receive.Operation);
        test.RunUntil(() => receive.Count == 3, "the cancelled receive ends");
        Assert.Equal(-Errno.ECANCELED, receive.Result);
        peer.Dispose();
    }

    [Fact]
    public void Timers_come_in_order_and_never_early()
    {
        using var test = new LoopHarness(Backend);
        var order = new List<int>();
        long startNs = test.Loop.NowNs;
        bool early = false;
        int[] delaysMs = [7, 1, 3, 3, 0, 9];
        var timers = delaysMs.Select(ms => new LoopTimer(new Fired(() =>
        {
            early |= test.Loop.NowNs < startNs + (ms * 1_000_000L);
            order.Add(ms);
        }))).ToArray();
        for (int i = 0; i < timers.Length; i++)
        {
            test.Loop.StartTimer(timers[i], startNs + (delaysMs[i] * 1_000_000L));
        }

        test.Loop.StopTimer(timers[5]);
        test.RunUntil(() => order.Count == 5, "five timers are due");
        Assert.Equal([0, 1, 3, 3, 7], order);
        Assert.False(early, "a timer came early");
    }

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void Work_from_other_threads_runs_once_each_in_order(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        const int Threads = 4;
        int each = TestScale.Pick(500, 20_000);
        var seen = new List<int>[Threads];
        int total = 0;
        for (int t = 0; t < Threads; t++)
        {
            var mine = seen[t] = [];
            new Thread(() =>
            {
                for (int i = 0; i < each; i++)
                {
                    int value = i;
                    test.Loop.Post(() =>
                    {
                        mine.Add(value);
                        total++;
                    });
                    if (i % 50 == 0)
                    {
                        Thread.Sleep(1);
                    }
                }
            }).Start();
        }

        test.RunUntil(() => total == Threads * each, "all posted work has run");
        Assert.All(seen, s => Assert.Equal(Enumerable.Range(0, each), s));
    }

    [Theory]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void Waiting_without_sleep_still_sees_everything(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        for (int round = 1; round <= 200; round++)
        {
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            if (round % 10 == 0)
            {
                Task.Run(() => peer.Send("p"u8));
            }
            else
            {
                peer.Send("p"u8);
            }

            int expected = round;
            test.RunUntil(() => receive.Count == expected, "the byte comes");
            Assert.Equal(1, receive.Result);
        }

        peer.Dispose();
    }

    [Fact]
    public void Stop_from_another_thread_ends_run()
    {
        using var test = new LoopHarness(Backend);
        new Thread(() =>
        {
            Thread.Sleep(10);
            test.Loop.Stop();
        }).Start();
        test.Loop.Run();
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        using var test = new LoopHarness(Backend);
        (int first, int second) = Sockets.Pair();
        using var pong = new Echo(test.Loop, first);
        using var ping = new Echo(test.Loop, second);
        ping.Begin();
        pong.Begin();
        ping.Send(1);
        void Rounds(int n)
        {
            int until = ping.Rounds + n;
            while (ping.Rounds < until)
            {
                test.Loop.RunOnce();
            }
        }

        Rounds(2000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Rounds(2000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        ping.Quiet = true;
        pong.Quiet = true;
        test.Close(first);
        test.Close(second);
    }

    [Fact]
    public void Submitting_an_operation_in_flight_is_refused()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        Assert.Throws<InvalidOperationException>(() => test.Loop.Receive(receive.Operation, fd, buffer.Whole));
        peer.Dispose();
    }

    /// <summary>What a descriptor number stands for now, such as socket:[12345]; null where it is closed.</summary>
    private static string? OpenFile(int fd) => new FileInfo($"/proc/self/fd/{fd}").LinkTarget;

    private static bool ReadAndCompare(Socket peer, byte[] expected, int total)
    {
        byte[] chunk = new byte[65536];
        for (long at = 0; at < total;)
        {
            int n = peer.Receive(chunk);
            if (n <= 0)
            {
                return false;
            }

            for (int i = 0; i < n; i++, at++)
            {
                if (chunk[i] != expected[at % expected.Length])
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Sends until a send stays pending because the peer does not read.</summary>
    private static Recorded FillUntilBlocked(LoopHarness test, int fd, NativeBuffer buffer, out SendVector vector)
    {
        var full = new SendVector();
        var send = new Recorded();
        do
        {
            full.Clear();
            full.Add(buffer.Whole);
            test.Loop.Send(send.Operation, fd, full);
            test.RunFor(5);
        }
        while (!send.Operation.IsPending);
        vector = full;
        return send;
    }

    private sealed class Fired(Action action) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer) => action();
    }

    /// <summary>Sends back what it receives.</summary>
    private sealed class Echo : IIoHandler, IDisposable
    {
        private readonly EventLoop _loop;
        private readonly int _fd;
        private readonly NativeBuffer _buffer = new(64);
        private readonly SendVector _vector = new(4);
        private readonly IoOperation _receive;
        private readonly IoOperation _send;

        public Echo(EventLoop loop, int fd)
        {
            _loop = loop;
            _fd = fd;
            _receive = new IoOperation(this);
            _send = new IoOperation(this);
        }

        public int Rounds { get; private set; }

        public bool Quiet { get; set; }

        public void Begin() => _loop.Receive(_receive, _fd, _buffer.Whole);

        public void Send(int bytes)
        {
            _vector.Clear();
            _vector.Add(_buffer.Slice(0, bytes));
            _loop.Send(_send, _fd, _vector);
        }

        public void OnCompleted(IoOperation operation, int result)
        {
            if (operation == _receive && !Quiet)
            {
                Rounds++;
                Send(result);
                Begin();
            }
        }

        public void Dispose()
        {
            _buffer.Dispose();
            _vector.Dispose();
        }
    }
}

public sealed class PollContract : LoopBackendContract
{
    protected override string Backend => "poll";
}

public sealed class EpollContract : LoopBackendContract
{
    protected override string Backend => "epoll";
}

public sealed class UringPollContract : LoopBackendContract
{
    protected override string Backend => "uring-poll";
}

public sealed class UringContract : LoopBackendContract
{
    protected override string Backend => "uring";
}
