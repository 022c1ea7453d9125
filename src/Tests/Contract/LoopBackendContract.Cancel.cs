using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Cancelling at every point.</content>
public abstract partial class LoopBackendContract
{
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
}
