using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>Many timers, and how long a wait takes.</content>
public abstract partial class LoopBackendContract
{
    private const long TimerWaitNs = 100_000_000;

    // Stalls of the machine make a wait late now and then, never all of them; a wait that counts its time twice is late each time.
    private const int Attempts = 5;

    [Fact]
    public void Timers_armed_and_cancelled_by_the_thousand_allocate_nothing_and_never_fire()
    {
        using var test = new LoopHarness(Backend);
        int perRound = TestScale.Pick(5_000, 100_000);
        int rounds = TestScale.Pick(4, 10);
        int fired = 0;
        int asked = 0;
        var count = new Fired(() => fired++);
        var ask = new Fired(() => asked++);
        LoopTimer[] timers = [.. Enumerable.Range(0, perRound).Select(_ => new LoopTimer(count))];
        var soon = new LoopTimer(ask);
        void Round()
        {
            long nowNs = test.Loop.NowNs;
            for (int i = 0; i < timers.Length; i++)
            {
                // Spread over an hour, in no order.
                test.Loop.StartTimer(timers[i], nowNs + 3_600_000_000_000 + (i * 7919L % timers.Length * 1_000_000));
            }

            int before = asked;
            test.Loop.StartTimerAfter(soon, 100_000);
            while (asked == before)
            {
                test.Loop.RunOnce();
            }

            for (int i = 0; i < timers.Length; i++)
            {
                test.Loop.StopTimer(timers[i]);
            }
        }

        Round();
        Round();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < rounds; i++)
        {
            Round();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - allocated);
        Assert.Equal(0, fired);
        Assert.All(timers, timer => Assert.False(timer.IsRunning));
    }

    [Fact]
    public void A_stopped_timer_is_not_kept_in_memory()
    {
        using var test = new LoopHarness(Backend);
        WeakReference[] stopped = StartAndStop(test.Loop, 1000);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.DoesNotContain(stopped, timer => timer.IsAlive);
    }

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void A_wait_for_a_timer_takes_its_time_once(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        TakesItsTimeOnce(test.Loop);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference[] StartAndStop(EventLoop loop, int count)
    {
        var handler = new Fired(() => { });
        LoopTimer[] timers = [.. Enumerable.Range(0, count).Select(_ => new LoopTimer(handler))];
        foreach (LoopTimer timer in timers)
        {
            loop.StartTimerAfter(timer, 3_600_000_000_000);
        }

        foreach (LoopTimer timer in timers)
        {
            loop.StopTimer(timer);
        }

        return [.. timers.Select(timer => new WeakReference(timer))];
    }

    protected static void TakesItsTimeOnce(EventLoop loop)
    {
        bool fired = false;
        var timer = new LoopTimer(new Fired(() => fired = true));
        long shortestNs = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && shortestNs >= TimerWaitNs + (TimerWaitNs / 2); attempt++)
        {
            fired = false;
            long startNs = loop.NowNs;
            loop.StartTimerAfter(timer, TimerWaitNs);
            while (!fired)
            {
                loop.RunOnce();
            }

            long tookNs = loop.NowNs - startNs;
            Assert.True(tookNs >= TimerWaitNs, $"{loop.BackendName}: waited {tookNs} ns");
            shortestNs = Math.Min(shortestNs, tookNs);
        }

        Assert.True(shortestNs < TimerWaitNs + (TimerWaitNs / 2), $"{loop.BackendName}: the shortest of {Attempts} waits took {shortestNs} ns");
    }
}
