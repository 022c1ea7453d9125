using Harness.Io;

namespace Harness.Tests;

/// <summary>A loop that spins is on time to one look at its queue, however long a look takes.</summary>
public class SpinningTimerTests
{
    [Theory]
    [InlineData(50, 3_000_000)]
    [InlineData(1_000, 3_000_000)]
    [InlineData(100_000, 9_000_000)]
    [InlineData(1_000, 1_234_567_890)]
    [InlineData(100_000, 1_234_567_890)]
    public void A_timer_that_is_due_soon_is_late_by_one_look_at_most(long lookNs, long dueNs)
    {
        using var loop = new EventLoop(new LookingBackend(lookNs), WaitMode.Spin);
        var late = new Lateness(loop);
        loop.StartTimer(new LoopTimer(late), dueNs);
        while (late.Ns < 0)
        {
            loop.RunOnce();
        }

        // One look within the spin, and one more before the turn's timers run.
        Assert.InRange(late.Ns, 0, 2 * lookNs);
    }

    private sealed class Lateness(EventLoop loop) : ITimerHandler
    {
        public long Ns { get; private set; } = -1;

        public void OnTimer(LoopTimer timer) => Ns = loop.NowNs - timer.DueNs;
    }

    /// <summary>Nothing ever happens, and each look at that takes the same time.</summary>
    private sealed class LookingBackend(long lookNs) : BareBackend
    {
        public override string Name => "looking";

        public override void Wait(long timeoutNs, int maxEvents)
        {
            Assert.Equal(0, timeoutNs);
            NowNs += lookNs;
        }
    }
}
