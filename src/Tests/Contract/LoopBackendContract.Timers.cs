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

    [SkippableFact]
    public void A_wait_takes_its_time_once_where_the_kernel_takes_no_time_with_the_call()
    {
        // As before Linux 5.11: without EXT_ARG, the limit of a wait is a request of the ring's own.
        ILoopBackend? older = OlderBackend(WithoutTimeInCall());
        Skip.If(older is null, $"{Backend} has no ring");
        using var loop = new EventLoop(older);
        TakesItsTimeOnce(loop);

        // One wait after the other, and what earlier waits left behind ends none of them early.
        for (int i = 0; i < 50; i++)
        {
            long startNs = loop.NowNs;
            Assert.False(loop.LoopOnce(1_000_000));
            Assert.True(loop.NowNs - startNs >= 1_000_000);
        }
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

    private static void TakesItsTimeOnce(EventLoop loop)
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

    private ILoopBackend? OlderBackend(RingEnvironment environment) => Backend switch
    {
        "uring" => new UringBackend(environment),
        "uring-poll" => new UringPollBackend(RingPollMode.OneShot, environment: environment),
        "uring-epoll" => new UringEpollBackend(waitInRing: false, environment),
        _ => null,
    };

    private static RingEnvironment WithoutTimeInCall() => new()
    {
        Setup = (uint entries, ref io_uring_params parameters) =>
        {
            int fd = IoUring.Setup(entries, ref parameters);
            parameters.features &= ~RingFeatures.EXT_ARG;
            return fd;
        },
    };
}
