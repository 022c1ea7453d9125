using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>Closing a descriptor with events through the loop.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_close_ends_every_event_once_before_the_descriptor_is_closed(bool armed)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        string? socket = OpenFile(fd);
        var close = new Recorded();
        bool closedBefore = false;
        bool seenBefore = false;
        RecordedFd[] events = [new(), new(), new()];
        foreach ((RecordedFd fdEvent, FdFlags flags) in events.Zip([FdFlags.Read, FdFlags.Write, FdFlags.None]))
        {
            fdEvent.ThenEnded = _ =>
            {
                closedBefore |= close.Count > 0 || OpenFile(fd) != socket;
                seenBefore |= FdBytes.IsReadable(peer);
            };
            test.Loop.AddFd(fdEvent.Event, fd, flags);
        }

        if (armed)
        {
            // The reader stays armed; the writer is told and armed again.
            test.LoopTimes(2);
        }

        int told = events[1].Count;
        uint generation = test.Loop.Generation(fd);
        test.Loop.Close(close.Operation, fd);
        Assert.All(events, fdEvent => Assert.Equal((false, 0), (fdEvent.Event.IsAdded, fdEvent.Ended)));
        test.RunUntil(() => close.Count == 1, "the close ends");
        test.Forget(fd);
        Assert.Equal(0, close.Result);
        Assert.All(events, fdEvent => Assert.Equal((1, -Errno.ECANCELED), (fdEvent.Ended, fdEvent.Error)));
        Assert.False(closedBefore, "the descriptor was closed before its events had ended");
        Assert.False(seenBefore, "the peer saw the end of the stream before the events had ended");
        Assert.NotEqual(socket, OpenFile(fd));
        Assert.Equal(generation + 1, test.Loop.Generation(fd));
        Assert.True(FdBytes.IsReadable(peer, 20_000), "the peer does not see the end of the stream");
        Assert.Equal(0, FdBytes.Read(peer));
        test.AssertQuiet();
        Assert.Equal((0, told, 0), (events[0].Count, events[1].Count, events[2].Count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_closes_its_own_descriptor_or_another_that_is_ready_too(bool batched)
    {
        foreach (bool own in new[] { true, false })
        {
            using var test = new LoopHarness(Backend);
            (int fd, int peer) = test.Fds();
            (int other, int otherPeer) = test.Fds();
            FdBytes.Write(peer);
            FdBytes.Write(otherPeer);
            var close = new Recorded();
            RecordedFd first = new();
            RecordedFd second = new();

            // Both are ready; whichever is called first closes one of the two, and only that one ends.
            void CloseFrom(RecordedFd caller, RecordedFd another) => test.Loop.Close(close.Operation, (own ? caller : another).Event.Fd);
            first.Then = _ => CloseFrom(first, second);
            second.Then = _ => CloseFrom(second, first);
            test.Loop.AddFd(first.Event, fd, FdFlags.Read);
            test.Loop.AddFd(second.Event, other, FdFlags.Read);
            test.Loop.LoopOnce(0);
            RecordedFd caller = first.Count == 1 ? first : second;
            RecordedFd another = first.Count == 1 ? second : first;
            (RecordedFd ended, RecordedFd left) = own ? (caller, another) : (another, caller);
            left.Then = null;
            for (int i = 0; i < 10; i++)
            {
                test.Once(batched);
            }

            Assert.Equal((1, 0), (close.Count, close.Result));
            Assert.Equal((1, -Errno.ECANCELED, own ? 1 : 0), (ended.Ended, ended.Error, ended.Count));
            Assert.Equal((0, true), (left.Ended, left.Event.IsAdded));
            test.Forget(ended.Event.Fd);
        }
    }

    [Fact]
    public void In_a_batch_a_descriptor_that_is_closed_is_not_told_ready_even_where_it_was_reported()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        FdBytes.Write(peer);
        FdBytes.Write(otherPeer);
        Recorded[] closes = [new(), new()];
        RecordedFd first = new();
        RecordedFd second = new();
        first.Then = _ => test.Loop.Close(closes[1].Operation, other);
        second.Then = _ => test.Loop.Close(closes[0].Operation, fd);
        test.Loop.AddFd(first.Event, fd, FdFlags.Read);
        test.Loop.AddFd(second.Event, other, FdFlags.Read);
        test.Loop.RunOnceWithoutSleep();
        Assert.Equal(1, first.Count + second.Count);
        first.Then = null;
        second.Then = null;
        test.RunUntil(() => closes[0].Count + closes[1].Count == 1, "the close ends");
        RecordedFd ended = first.Event.IsAdded ? second : first;
        Assert.Equal((0, 1, -Errno.ECANCELED), (ended.Count, ended.Ended, ended.Error));
        test.Forget(ended.Event.Fd);
    }

    [Fact]
    public void An_event_that_has_ended_may_be_added_again_from_there()
    {
        using var test = new LoopHarness(Backend);
        (int fd, _) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        var close = new Recorded();
        RecordedFd reader = new();
        bool refused = false;
        reader.ThenEnded = _ =>
        {
            refused = Record.Exception(() => test.Loop.AddFd(reader.Event, fd, FdFlags.Read)) is InvalidOperationException;
            test.Loop.AddFd(reader.Event, other, FdFlags.Read);
        };
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.AssertQuiet();
        FdBytes.Write(otherPeer);
        test.Loop.Close(close.Operation, fd);
        test.RunUntil(() => close.Count == 1, "the close ends");
        test.Forget(fd);
        Assert.True(refused, "a descriptor that is being closed took an event");
        int before = reader.Count;
        test.LoopTimes(2);
        Assert.Equal((1, before + 2, other), (reader.Ended, reader.Count, reader.Event.Fd));
        reader.ThenEnded = null;
    }

    [Theory]
    [InlineData("remove")]
    [InlineData("add")]
    [InlineData("remove from another's end")]
    public void An_event_taken_away_before_its_end_was_told_does_not_hang_the_close(string how)
    {
        using var test = new LoopHarness(Backend);
        (int fd, _) = test.Fds();
        (int other, int otherPeer) = test.Fds();
        var close = new Recorded();
        RecordedFd first = new();
        RecordedFd second = new();
        test.Loop.AddFd(first.Event, fd, FdFlags.Read);
        test.Loop.AddFd(second.Event, fd, FdFlags.Read);
        test.AssertQuiet();
        if (how == "remove from another's end")
        {
            first.ThenEnded = _ => test.Loop.RemoveFd(second.Event);
            second.ThenEnded = _ => test.Loop.RemoveFd(first.Event);
        }

        test.Loop.Close(close.Operation, fd);
        if (how == "remove")
        {
            test.Loop.RemoveFd(first.Event);
            test.Loop.RemoveFd(second.Event);
        }
        else if (how == "add")
        {
            test.Loop.AddFd(first.Event, other, FdFlags.Read);
            test.Loop.AddFd(second.Event, other, FdFlags.Read);
        }

        test.RunUntil(() => close.Count == 1, "the close ends");
        test.Forget(fd);
        Assert.Equal(how is "remove" or "add" ? 0 : 1, first.Ended + second.Ended);
        test.AssertQuiet();
        if (how == "add")
        {
            FdBytes.Write(otherPeer);
            test.LoopTimes(2);
            Assert.Equal((1, 1), (first.Count, second.Count));
        }
    }
}
