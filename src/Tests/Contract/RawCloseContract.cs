using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>
/// What the backends with an epoll set promise to code that knows no loop: a close(2) by anybody ends what the loop waits for on the descriptor, as tevent
/// asks (its rule 3d).
/// </summary>
public abstract class RawCloseContract
{
    protected abstract string Backend { get; }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_peer_sees_the_end_of_the_stream_at_once(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.AssertQuiet();
        test.CloseRaw(fd);

        // Before the loop runs again.
        Assert.True(FdBytes.IsReadable(peer), "something still holds the file open");
        Assert.Equal(0, FdBytes.Read(peer));
        test.Once(batched);
        test.AssertQuiet();
        Assert.Equal(0, reader.Count);
        test.Loop.RemoveFd(reader.Event);
        test.AssertQuiet();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_event_whose_descriptor_was_closed_is_never_told_again(bool armed)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        var reader = new RecordedFd();
        var writer = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.AddFd(writer.Event, fd, FdFlags.Write);
        FdBytes.Write(peer);
        if (armed)
        {
            test.LoopTimes(4);
        }

        (int told, int written) = (reader.Count, writer.Count);
        test.CloseRaw(fd);
        test.AssertQuiet();

        // Not even where the number comes to stand for something that is ready.
        (int again, int newPeer) = test.Fds();
        Assert.Equal(fd, again);
        FdBytes.Write(newPeer);
        test.AssertQuiet();
        Assert.Equal((told, written), (reader.Count, writer.Count));
        test.Loop.RemoveFd(reader.Event);
        test.Loop.RemoveFd(writer.Event);
    }

    [Fact]
    public void Changing_an_event_whose_number_stands_for_another_file_ends_it()
    {
        using var test = new LoopHarness(Backend);
        (int fd, _) = test.Fds();
        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.AssertQuiet();
        test.CloseRaw(fd);
        (int again, int newPeer) = test.Fds();
        Assert.Equal(fd, again);
        FdBytes.Write(newPeer);
        test.Loop.SetFlags(reader.Event, FdFlags.ReadWrite);
        Assert.Equal((0, 0), (reader.Count, reader.Ended));
        test.LoopTimes(1);
        Assert.Equal((0, 1, -Errno.EBADF, false), (reader.Count, reader.Ended, reader.Error, reader.Event.IsAdded));
        test.AssertQuiet();
    }

    [Fact]
    public void In_loop_once_a_handler_may_close_what_is_ready_too()
    {
        using var test = new LoopHarness(Backend);
        for (int round = 0; round < TestScale.Pick(500, 20_000); round++)
        {
            (int fd, int peer) = Sockets.Pair();
            (int other, int otherPeer) = Sockets.Pair();
            FdBytes.Write(peer);
            FdBytes.Write(otherPeer);
            RecordedFd first = new();
            RecordedFd second = new();
            int closed = -1;
            first.Then = _ => Sockets.CloseUnused(closed = other);
            second.Then = _ => Sockets.CloseUnused(closed = fd);
            test.Loop.AddFd(first.Event, fd, FdFlags.Read);
            test.Loop.AddFd(second.Event, other, FdFlags.Read);
            test.LoopTimes(1);
            RecordedFd left = closed == other ? first : second;
            RecordedFd gone = closed == other ? second : first;
            left.Then = null;
            test.LoopTimes(2);
            Assert.Equal((3, 0), (left.Count, gone.Count));
            test.Loop.RemoveFd(gone.Event);
            test.Loop.RemoveFd(left.Event);
            Sockets.CloseUnused(left.Event.Fd);
            Sockets.CloseUnused(peer);
            Sockets.CloseUnused(otherPeer);
        }
    }

    [Fact]
    public void A_number_used_again_between_arming_and_firing_belongs_to_its_new_event()
    {
        using var test = new LoopHarness(Backend);
        int rounds = TestScale.Pick(2000, 100_000);
        int reused = 0;
        for (int round = 0; round < rounds; round++)
        {
            (int fd, int peer) = Sockets.Pair();
            var old = new RecordedFd();
            test.Loop.AddFd(old.Event, fd, FdFlags.Read);
            if (round % 2 == 0)
            {
                test.Loop.LoopOnce(0);
            }

            if (round % 3 != 0)
            {
                FdBytes.Write(peer);
            }

            Sockets.CloseUnused(fd);
            (int again, int newPeer) = Sockets.Pair();
            var fresh = new RecordedFd();
            test.Loop.AddFd(fresh.Event, again, FdFlags.Read);
            if (again == fd)
            {
                reused++;
                test.LoopTimes(1);
                Assert.Equal((1, -Errno.EBADF), (old.Ended, old.Error));
            }

            Assert.False(test.Loop.LoopOnce(0), $"round {round}: told of what was closed");
            FdBytes.Write(newPeer);
            test.LoopTimes(2);
            Assert.Equal((0, 2, 0), (old.Count, fresh.Count, fresh.Ended));
            test.Loop.RemoveFd(fresh.Event);
            test.Loop.RemoveFd(old.Event);
            Sockets.CloseUnused(again);
            Sockets.CloseUnused(newPeer);
            Sockets.CloseUnused(peer);
        }

        Assert.True(reused > rounds / 2, $"the number was used again in {reused} of {rounds} rounds only");
    }
}

public sealed class EpollRawCloseContract : RawCloseContract
{
    protected override string Backend => "epoll";
}

public sealed class UringEpollRawCloseContract : RawCloseContract
{
    protected override string Backend => "uring-epoll";
}

public sealed class UringEpollPollRawCloseContract : RawCloseContract
{
    protected override string Backend => TestedBackends.EpollPoll;
}
