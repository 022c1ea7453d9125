using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Waiting for bytes without memory for them.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void A_wait_for_bytes_ends_when_they_come_and_leaves_them_for_the_receive()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var wait = new Recorded();
        var receive = new Recorded();
        for (int round = 1; round <= 3; round++)
        {
            test.Loop.WaitReadable(wait.Operation, fd);
            test.RunFor(20);
            Assert.Equal(round - 1, wait.Count);
            test.Loop.Post(() => peer.Send("hello"u8));
            test.RunUntil(() => wait.Count == round, "the wait ends");
            Assert.Equal(0, wait.Result);
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            test.RunUntil(() => receive.Count == round, "the receive ends");
            Assert.Equal(5, receive.Result);
        }

        peer.Dispose();
    }

    [Fact]
    public void A_wait_for_bytes_ends_at_once_where_they_are_there_or_the_stream_has_ended()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        peer.Send("xyz"u8);
        var wait = new Recorded();
        var receive = new Recorded();
        test.Loop.WaitReadable(wait.Operation, fd);
        test.RunUntil(() => wait.Count == 1, "the wait ends");
        test.Loop.Receive(receive.Operation, fd, buffer.Slice(0, 2));
        test.RunUntil(() => receive.Count == 1, "two bytes come");
        test.Loop.WaitReadable(wait.Operation, fd);
        test.RunUntil(() => wait.Count == 2, "the wait for the third byte ends");
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 2, "the third byte comes");
        Assert.Equal(1, receive.Result);

        test.Loop.WaitReadable(wait.Operation, fd);
        test.Loop.Post(peer.Dispose);
        test.RunUntil(() => wait.Count == 3, "the wait ends with the stream");
        Assert.Equal(0, wait.Result);
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 3, "the end of the stream comes");
        Assert.Equal(0, receive.Result);
    }

    [Fact]
    public void A_wait_for_bytes_takes_the_place_of_a_receive_that_was_cancelled_and_can_be_cancelled_itself()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        var wait = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.Loop.RunOnceWithoutSleep();
        test.Loop.Cancel(receive.Operation);
        test.RunUntil(() => receive.Count == 1, "the receive is cancelled");
        Assert.Equal(-Errno.ECANCELED, receive.Result);

        test.Loop.WaitReadable(wait.Operation, fd);
        test.Loop.RunOnceWithoutSleep();
        test.Loop.Cancel(wait.Operation);
        test.RunUntil(() => wait.Count == 1, "the wait is cancelled");
        Assert.Equal(-Errno.ECANCELED, wait.Result);

        test.Loop.WaitReadable(wait.Operation, fd);
        peer.Send("x"u8);
        test.RunUntil(() => wait.Count == 2, "the next wait ends");
        Assert.Equal(0, wait.Result);
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 2, "the byte comes");
        Assert.Equal(1, receive.Result);
        peer.Dispose();
    }

    [Fact]
    public void A_close_ends_a_wait_for_bytes_first()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        var wait = new Recorded();
        test.Loop.WaitReadable(wait.Operation, fd);
        test.Loop.RunOnceWithoutSleep();
        test.Close(fd);
        Assert.Equal((1, -Errno.ECANCELED), (wait.Count, wait.Result));
        Assert.Equal(0, peer.Receive(new byte[1]));
        peer.Dispose();
    }

    [Fact]
    public void A_wait_for_bytes_has_a_deadline_where_it_is_given_one()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        var wait = new Recorded();
        wait.Operation.TimeoutNs = 20_000_000;
        test.Loop.WaitReadable(wait.Operation, fd);
        test.RunUntil(() => wait.Count == 1, "the deadline passes");
        Assert.Equal(-Errno.ETIME, wait.Result);
        peer.Dispose();
    }
}
