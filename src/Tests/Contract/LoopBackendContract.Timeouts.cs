using Harness.Io;

namespace Harness.Tests;

/// <content>Waiting with a limit: never less than was asked for, never twice as long.</content>
public abstract partial class LoopBackendContract
{
    private const long WaitNs = 100_000_000;

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void A_wait_takes_what_was_asked_for(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        (int fd, _) = test.Fds();
        test.Loop.AddFd(new RecordedFd().Event, fd, FdFlags.Read);
        TakesOnce(test, WaitNs, () => Assert.False(test.Loop.LoopOnce(WaitNs)));
    }

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void A_wait_ends_with_the_timer_that_is_due_before_its_limit(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        var timer = new RecordedTimer();
        TakesOnce(test, WaitNs / 2, () =>
        {
            test.Loop.StartTimer(timer.Timer, test.Loop.NowNs + (WaitNs / 2));
            Assert.True(test.Loop.LoopOnce(WaitNs * 100));
        });
        Assert.True(timer.Count >= 1);
        TakesOnce(test, WaitNs / 2, () =>
        {
            int before = timer.Count;
            test.Loop.StartTimer(timer.Timer, test.Loop.NowNs + (WaitNs / 2));
            while (timer.Count == before)
            {
                test.Loop.RunOnce();
            }
        });
    }

    [Fact]
    public void A_wait_ends_at_its_limit_where_the_next_timer_is_due_later()
    {
        using var test = new LoopHarness(Backend);
        var timer = new RecordedTimer();
        test.Loop.StartTimer(timer.Timer, test.Loop.NowNs + (WaitNs * 1000));
        TakesOnce(test, WaitNs / 2, () => Assert.False(test.Loop.LoopOnce(WaitNs / 2)));
        Assert.Equal((0, true), (timer.Count, timer.Timer.IsRunning));
        test.Loop.StopTimer(timer.Timer);
    }

    [Fact]
    public void A_wait_that_is_disturbed_without_a_handler_to_call_goes_on_for_what_is_left()
    {
        // What disturbs is an end of sending that a writer does not hear of: a ring tells of it whether asked or not.
        using var test = new LoopHarness(Backend);
        TakesOnce(test, WaitNs, () =>
        {
            (int fd, int peer) = Sockets.Pair();
            FdBytes.Fill(fd);
            var writer = new RecordedFd();
            test.Loop.AddFd(writer.Event, fd, FdFlags.Write);
            var disturbing = new Thread(() =>
            {
                Thread.Sleep((int)(WaitNs / 1_000_000 * 6 / 10));
                FdBytes.ShutdownSend(peer);
            });
            disturbing.Start();
            Assert.False(test.Loop.LoopOnce(WaitNs));
            disturbing.Join();
            Assert.Equal(0, writer.Count);
            test.Loop.RemoveFd(writer.Event);
            Sockets.CloseUnused(fd);
            Sockets.CloseUnused(peer);
        }, WaitNs * 15 / 10);
    }

    [Fact]
    public void A_wait_without_time_does_not_sleep_and_one_without_limit_ends_with_a_handler_or_a_stop()
    {
        using var test = new LoopHarness(Backend);
        long sleeps = test.Loop.Counters.Sleeps;
        for (int i = 0; i < 100; i++)
        {
            Assert.False(test.Loop.LoopOnce(0));
        }

        Assert.Equal(sleeps, test.Loop.Counters.Sleeps);
        bool ran = false;
        new Thread(() =>
        {
            Thread.Sleep(5);
            test.Loop.Post(() => ran = true);
        }).Start();
        Assert.True(test.Loop.LoopOnce(-1));
        Assert.True(ran);
        new Thread(() =>
        {
            Thread.Sleep(5);
            test.Loop.Stop();
        }).Start();
        Assert.False(test.Loop.LoopOnce(-1));
        test.Loop.Run();
    }

    /// <summary>A wait may never be short. A machine that stalls makes it long, so that is tried again: a doubled wait is doubled each time.</summary>
    private static void TakesOnce(LoopHarness test, long expectedNs, Action wait, long? belowNs = null)
    {
        const int Tries = 5;
        long tookNs = 0;
        for (int i = 0; i < Tries; i++)
        {
            long startNs = test.Loop.NowNs;
            wait();
            tookNs = test.Loop.NowNs - startNs;
            Assert.True(tookNs >= expectedNs, $"{test.Loop.BackendName}: waited {tookNs} ns instead of {expectedNs} ns");
            if (tookNs < (belowNs ?? expectedNs * 2))
            {
                return;
            }
        }

        Assert.Fail($"{test.Loop.BackendName}: waited {tookNs} ns instead of {expectedNs} ns, {Tries} times in a row");
    }
}
