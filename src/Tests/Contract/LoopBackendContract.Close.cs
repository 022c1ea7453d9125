using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Closing with operations pending.</content>
public abstract partial class LoopBackendContract
{
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

    [Fact]
    public void A_loop_disposed_of_with_operations_pending_leaves_their_memory_alone()
    {
        (int fd, int other) = Sockets.Pair();
        using var peer = new Socket(new System.Net.Sockets.SafeSocketHandle(other, ownsHandle: true));
        using var buffer = new NativeBuffer(64, clear: true);
        var receive = new Recorded();
        using (var loop = new EventLoop(TestedBackends.Create(Backend)))
        {
            loop.Receive(receive.Operation, fd, buffer.Whole);
            loop.RunOnceWithoutSleep();
        }

        peer.Send("after the end"u8);
        Thread.Sleep(5);
        Assert.True(buffer.Whole.Span.IndexOfAnyExcept((byte)0) < 0, "the kernel wrote to memory after the loop was gone");
        Assert.Equal(0, receive.Count);
        Sockets.CloseUnused(fd);
    }

    /// <summary>What a descriptor number stands for now, such as socket:[12345]; null where it is closed.</summary>
    private static string? OpenFile(int fd) => new FileInfo($"/proc/self/fd/{fd}").LinkTarget;
}
