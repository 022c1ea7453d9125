using System.Net.Sockets;
using Harness.Io;
using Errno = Harness.Io.Native.Errno;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Descriptors closed by code that knows no loop, and their numbers used again; <see cref="EventLoop.IsChecked"/>.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void A_checked_loop_never_takes_another_file_for_the_one_that_was_added()
    {
        using EventLoop loop = CheckedLoop();
        int times = TestScale.Pick(500, 100_000);
        int ended = 0;
        for (int i = 0; i < times; i++)
        {
            (int fd, int peer) = Sockets.Pair();
            var old = new RecordedFd();
            loop.AddFd(old.Event, fd, FdFlags.Read);
            if (i % 3 == 0)
            {
                // Armed in the kernel, and not only queued.
                _ = loop.LoopOnce(0);
            }

            // The stranger takes the number in one step, as no other thread can then.
            (int stranger, int newPeer) = Sockets.Pair();
            RawFd.Replace(fd, stranger);
            int again = fd;
            RawFd.Write(newPeer);
            bool heldOpen = RawFd.TryWrite(peer);
            Assert.Equal(loop.OnForeignClose == ForeignClose.HeldOpen, heldOpen);
            _ = loop.LoopOnce(0);
            _ = loop.VerifyDescriptors();
            for (int look = 0; look < 4 && loop.LoopOnce(0); look++)
            {
            }

            Assert.Equal(0, old.Count);
            ended += old.Ended;
            var young = new RecordedFd();
            loop.AddFd(young.Event, again, FdFlags.Read);
            Assert.True(loop.LoopOnce(1_000_000_000));
            Assert.Equal((0, 1), (old.Count, young.Count));
            loop.RemoveFd(young.Event);
            RawFd.Close(again);
            RawFd.Close(newPeer);
            RawFd.Close(peer);
        }

        Assert.Equal(times, ended);
        Assert.Equal(times, loop.Counters.StrangersRefused);
    }

    [Fact]
    public void A_checked_loop_ends_the_event_of_a_descriptor_that_was_closed_behind_its_back()
    {
        using EventLoop loop = CheckedLoop();
        // A number above those that the runtime may take meanwhile.
        (int fd, int second) = Sockets.Pair();
        fd = RawFd.MoveUp(fd);
        using var peer = new Socket(new SafeSocketHandle(second, ownsHandle: true)) { ReceiveTimeout = 5000 };
        var reader = new RecordedFd();
        loop.AddFd(reader.Event, fd, FdFlags.Read);
        Assert.False(loop.LoopOnce(0));
        RawFd.Close(fd);
        Assert.Equal(1, loop.VerifyDescriptors());
        Assert.True(loop.LoopOnce(0));
        Assert.Equal((1, -Errno.EBADF, false), (reader.Ended, reader.Error, reader.Event.IsAdded));

        // What the backend held open is let go when the loop next asks the kernel, and then the peer sees the end.
        Assert.False(loop.LoopOnce(1_000_000));
        Assert.Equal(0, peer.Receive(new byte[1]));
        Assert.Equal(0, reader.Count);
    }

    [Fact]
    public void A_checked_loop_tells_events_as_any_other_does()
    {
        using EventLoop loop = CheckedLoop();
        (int fd, int peer) = Sockets.Pair();
        using var wake = new WakeEvent();
        var reader = new RecordedFd();
        var counter = new RecordedFd();
        loop.AddFd(reader.Event, fd, FdFlags.Read);
        loop.AddFd(counter.Event, wake.Fd, FdFlags.Read);
        Assert.False(loop.LoopOnce(0));
        RawFd.Write(peer);
        wake.Set();
        for (int i = 0; i < 6; i++)
        {
            Assert.True(loop.LoopOnce(1_000_000_000));
        }

        Assert.Equal((3, 3, 0L), (reader.Count, counter.Count, loop.Counters.StrangersRefused));
        loop.RemoveFd(reader.Event);
        loop.RemoveFd(counter.Event);
        RawFd.Close(fd);
        RawFd.Close(peer);
    }

    private EventLoop CheckedLoop() => new(TestedBackends.Create(Backend)) { IsChecked = true };
}
