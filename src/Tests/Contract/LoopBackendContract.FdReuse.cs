using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>Descriptors that are closed, and their numbers used again, between arming and firing.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void Closed_through_the_loop_a_number_used_again_gets_none_of_the_old_events() => ReuseNumbers((test, old, close) =>
    {
        test.Loop.Close(close.Operation, old.Event.Fd);
        test.RunUntil(() => close.Count == 1, "the close ends");
        Assert.Equal((1, -Errno.ECANCELED), (old.Ended, old.Error));
    });

    [Fact]
    public void Removed_and_closed_by_hand_a_number_used_again_gets_none_of_the_old_events() => ReuseNumbers((test, old, _) =>
    {
        int fd = old.Event.Fd;
        test.Loop.RemoveFd(old.Event);
        Sockets.CloseUnused(fd);
        Assert.Equal(0, old.Ended);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_that_has_a_number_used_again_in_the_middle_of_a_batch_does_no_harm(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int trigger, int triggerPeer) = test.Fds();
        FdBytes.Write(triggerPeer);
        var stranger = new RecordedFd();
        var old = new RecordedFd();
        int fd = -1;
        int peer = -1;
        int again = -1;
        int againPeer = -1;
        int reused = 0;
        var replacing = new RecordedFd();
        replacing.Then = _ =>
        {
            if (old.Event.IsAdded)
            {
                test.Loop.RemoveFd(old.Event);
                Sockets.CloseUnused(fd);
                (again, againPeer) = Sockets.Pair();
                reused += again == fd ? 1 : 0;
                test.Loop.AddFd(stranger.Event, again, FdFlags.Read);
            }
        };
        test.Loop.AddFd(replacing.Event, trigger, FdFlags.Read);
        int rounds = TestScale.Pick(1000, 50_000);
        for (int round = 0; round < rounds; round++)
        {
            (fd, peer) = Sockets.Pair();
            int told = old.Count;
            test.Loop.AddFd(old.Event, fd, FdFlags.Read);
            FdBytes.Write(peer);
            for (int i = 0; old.Event.IsAdded; i++)
            {
                Assert.True(i < 10, "the handler that replaces never came");
                test.Once(batched);
            }

            // It may have had its own turn before; afterwards there is only the stranger, which is not ready.
            told = old.Count - told;
            Assert.InRange(told, 0, batched ? 2 : 10);
            told = old.Count;
            test.Once(batched);
            test.Once(batched);
            Assert.Equal((told, 0), (old.Count, stranger.Count));
            test.Loop.RemoveFd(stranger.Event);
            Sockets.CloseUnused(again);
            Sockets.CloseUnused(againPeer);
            Sockets.CloseUnused(peer);
        }

        Assert.True(reused > rounds / 2, $"the number was used again in {reused} of {rounds} rounds only");
    }

    /// <summary>
    /// Watches a descriptor, lets its readiness be unknown, known to the kernel or told, ends that in the given way, and watches another file with the same
    /// number: nobody may be told of what belongs to the other.
    /// </summary>
    private void ReuseNumbers(Action<LoopHarness, RecordedFd, Recorded> end)
    {
        using var test = new LoopHarness(Backend);
        int rounds = TestScale.Pick(2000, 100_000);
        int reused = 0;
        for (int round = 0; round < rounds; round++)
        {
            (int fd, int peer) = Sockets.Pair();
            var old = new RecordedFd();
            test.Loop.AddFd(old.Event, fd, round % 2 == 0 ? FdFlags.Read : FdFlags.ReadWrite);
            if (round % 3 != 0)
            {
                test.Loop.LoopOnce(0);
            }

            FdBytes.Write(peer);
            if (round % 5 == 0)
            {
                test.Loop.LoopOnce(0);
            }

            end(test, old, new Recorded());
            int told = old.Count;
            (int again, int newPeer) = Sockets.Pair();
            reused += again == fd ? 1 : 0;
            var fresh = new RecordedFd();
            test.Loop.AddFd(fresh.Event, again, FdFlags.Read);
            Assert.False(test.Loop.LoopOnce(0), $"round {round}: told of another's readiness");
            FdBytes.Write(newPeer);
            test.LoopTimes(1);
            Assert.Equal((1, 0, told), (fresh.Count, fresh.Ended, old.Count));
            test.Loop.RemoveFd(fresh.Event);
            Sockets.CloseUnused(again);
            Sockets.CloseUnused(newPeer);
            Sockets.CloseUnused(peer);
        }

        Assert.True(reused > rounds / 2, $"the number was used again in {reused} of {rounds} rounds only");
    }
}
