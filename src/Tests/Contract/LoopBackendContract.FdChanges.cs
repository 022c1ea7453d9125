using System.Runtime.CompilerServices;
using Harness.Io;

namespace Harness.Tests;

/// <content>Handlers that add, remove and free events, and whose turn it is.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_removes_its_own_event_and_adds_it_again(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        RecordedFd reader = new();
        reader.Then = _ =>
        {
            test.Loop.RemoveFd(reader.Event);
            if (reader.Count < 3)
            {
                test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
            }
        };
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        for (int i = 0; i < 6; i++)
        {
            test.Once(batched);
        }

        Assert.Equal((3, 0, false), (reader.Count, reader.Ended, reader.Event.IsAdded));
        test.AssertQuiet();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void An_event_that_another_handler_removes_is_not_called_any_more(bool batched, bool sameDescriptor)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        FdBytes.Write(peer);
        FdBytes.Write(otherPeer);

        // Both are ready, and in a batch both are reported: whichever is called first removes the other.
        RecordedFd first = new();
        RecordedFd second = new();
        first.Then = _ => test.Loop.RemoveFd(second.Event);
        second.Then = _ => test.Loop.RemoveFd(first.Event);
        test.Loop.AddFd(first.Event, fd, FdFlags.Read);
        test.Loop.AddFd(second.Event, sameDescriptor ? fd : other, FdFlags.Read);
        for (int i = 1; i <= 4; i++)
        {
            test.Once(batched);
            Assert.Equal((i, 0), (Math.Max(first.Count, second.Count), Math.Min(first.Count, second.Count)));
        }

        Assert.Equal((0, 0), (first.Ended, second.Ended));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_event_that_is_moved_to_another_descriptor_hears_nothing_of_the_first(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int one, int onePeer) = test.Fds();
        (int two, int twoPeer) = test.Fds();
        (int idle, int idlePeer) = test.Fds();
        FdBytes.Write(onePeer);
        FdBytes.Write(twoPeer);

        // Each moves the other, which is reported already in a batch, to a descriptor that is not ready.
        RecordedFd first = new();
        RecordedFd second = new();
        void Move(RecordedFd mover, RecordedFd moved)
        {
            test.Loop.RemoveFd(mover.Event);
            test.Loop.RemoveFd(moved.Event);
            test.Loop.AddFd(moved.Event, idle, FdFlags.Read);
        }

        first.Then = _ => Move(first, second);
        second.Then = _ => Move(second, first);
        test.Loop.AddFd(first.Event, one, FdFlags.Read);
        test.Loop.AddFd(second.Event, two, FdFlags.Read);
        test.Once(batched);
        test.AssertQuiet();
        Assert.Equal(1, first.Count + second.Count);

        RecordedFd moved = first.Event.IsAdded ? first : second;
        moved.Then = _ => FdBytes.Read(idle);
        FdBytes.Write(idlePeer);
        test.Once(batched);
        Assert.Equal((1, idle), (moved.Count, moved.Event.Fd));
        test.AssertQuiet();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_adds_an_event_that_is_ready_already(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        FdBytes.Write(peer);
        FdBytes.Write(otherPeer);
        RecordedFd onSame = new();
        RecordedFd onOther = new();
        RecordedFd adding = new();
        onSame.Then = _ => test.Loop.RemoveFd(onSame.Event);
        onOther.Then = _ => test.Loop.RemoveFd(onOther.Event);
        adding.Then = _ =>
        {
            test.Loop.RemoveFd(adding.Event);
            test.Loop.AddFd(onSame.Event, fd, FdFlags.Read);
            test.Loop.AddFd(onOther.Event, other, FdFlags.ReadWrite);
        };
        test.Loop.AddFd(adding.Event, fd, FdFlags.Read);
        for (int i = 0; i < 4; i++)
        {
            test.Once(batched);
        }

        Assert.Equal((1, 1, 1), (adding.Count, onSame.Count, onOther.Count));
        Assert.Equal((FdFlags.Read, FdFlags.ReadWrite), (onSame.Ready, onOther.Ready));
    }

    [Fact]
    public void An_event_that_was_removed_is_kept_by_nobody()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        WeakReference[] freed = [AddAndRemove(test, fd, from: 0), AddAndRemove(test, fd, from: 1), AddAndRemove(test, fd, from: 2)];
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.All(freed, reference => Assert.False(reference.IsAlive, "the loop keeps an event that was removed"));
    }

    [Fact]
    public void What_a_handler_is_told_is_true_when_it_is_told()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        int empty = 0;
        RecordedFd first = new();
        RecordedFd second = new();

        // Both are ready at the same time, and whichever is called first takes the bytes of both.
        Action<FdFlags> takeBoth = _ =>
        {
            empty += FdBytes.IsReadable(fd) ? 0 : 1;
            FdBytes.Read(fd);
            FdBytes.Read(other);
        };
        first.Then = takeBoth;
        second.Then = takeBoth;
        test.Loop.AddFd(first.Event, fd, FdFlags.Read);
        test.Loop.AddFd(second.Event, other, FdFlags.Read);
        for (int round = 1; round <= 20; round++)
        {
            FdBytes.Write(peer);
            FdBytes.Write(otherPeer);
            test.LoopTimes(1);
            test.AssertQuiet();
            Assert.Equal((round, 0), (first.Count + second.Count, empty));
        }
    }

    [Fact]
    public void What_was_ready_and_is_no_longer_is_not_told()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        var reader = new RecordedFd(_ => FdBytes.Read(fd));
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.AssertQuiet();

        // It becomes readable and somebody else reads it, while the loop is elsewhere.
        var stealing = new RecordedImmediate(() =>
        {
            FdBytes.Write(peer);
            FdBytes.Read(fd);
        });
        for (int round = 0; round < 10; round++)
        {
            test.Loop.Schedule(stealing.Event);
            Assert.True(test.Loop.LoopOnce(0));
            Assert.False(FdBytes.IsReadable(fd));
            test.Loop.StartTimer(new RecordedTimer(() => FdBytes.Write(peer)).Timer, test.Loop.NowNs + 100_000);

            // Were the stale readiness told, the handler would read here before there is a byte, and wait for ever.
            Assert.True(test.Loop.LoopOnce(20_000_000_000));
            Assert.Equal(round, reader.Count);
            test.LoopTimes(1);
            Assert.Equal(round + 1, reader.Count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference AddAndRemove(LoopHarness test, int fd, int from)
    {
        RecordedFd reader = new();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        if (from == 0)
        {
            reader.Then = _ => test.Loop.RemoveFd(reader.Event);
        }

        test.LoopTimes(1);
        if (from == 1)
        {
            test.Loop.RemoveFd(reader.Event);
        }
        else if (from == 2)
        {
            var second = new RecordedFd(_ => test.Loop.RemoveFd(reader.Event));
            test.Loop.AddFd(second.Event, fd, FdFlags.Read);
            test.LoopTimes(2);
            test.Loop.RemoveFd(second.Event);
        }

        Assert.False(reader.Event.IsAdded);
        test.AssertQuiet();
        return new WeakReference(reader.Event);
    }
}
