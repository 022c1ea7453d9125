using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Receiving and sending.</content>
public abstract partial class LoopBackendContract
{
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
}
