using Harness.Io;

namespace Harness.Tests;

/// <summary>How a loop uses pauses: before sleeps only, never past a timer, and with receives held back while there are any.</summary>
public sealed class GatheringLoopTests
{
    private const long PauseNs = 10_000;

    [Theory]
    [InlineData(WaitMode.Block, 1)]
    [InlineData(WaitMode.Adaptive, 0)]
    [InlineData(WaitMode.Spin, 0)]
    public void Only_a_loop_that_blocks_pauses(WaitMode wait, int pauses)
    {
        var backend = new PausingBackend();
        using var loop = new EventLoop(backend, wait) { Gathering = new AlwaysGathering(), AdaptiveSpinNs = 1 };
        loop.StartTimer(new LoopTimer(new Ignored()), 1_000_000);
        while (backend.NowNs < 1_000_000)
        {
            loop.RunOnce();
        }

        Assert.Equal(pauses, backend.Pauses);
    }

    [Theory]
    [InlineData(PauseNs - 1, 0)]
    [InlineData(PauseNs, 0)]
    [InlineData(PauseNs + 1, 1)]
    public void No_pause_goes_past_a_timer(long dueNs, int pauses)
    {
        var backend = new PausingBackend();
        using var loop = new EventLoop(backend) { Gathering = new AlwaysGathering() };
        loop.StartTimer(new LoopTimer(new Ignored()), dueNs);
        loop.RunOnce();
        Assert.Equal(pauses, backend.Pauses);
        Assert.Equal(dueNs, backend.NowNs);
        Assert.True(backend.Holds == (pauses == 1 || dueNs <= PauseNs));
    }

    [Fact]
    public void A_loop_with_work_at_hand_neither_sleeps_nor_pauses()
    {
        var backend = new PausingBackend();
        using var loop = new EventLoop(backend) { Gathering = new AlwaysGathering() };
        int ran = 0;
        loop.Post(() => ran++);
        loop.RunOnce();
        Assert.Equal((1, 0), (ran, backend.Pauses));
    }

    [Fact]
    public void What_comes_in_a_pause_is_handled_without_a_sleep()
    {
        var backend = new PausingBackend();
        using var loop = new EventLoop(backend) { Gathering = new AlwaysGathering() };
        int ran = 0;
        backend.InPause = () => loop.Post(() => ran++);
        loop.RunOnce();
        Assert.Equal((1, 1, 0L), (ran, backend.Pauses, loop.Counters.Sleeps));
    }

    [Fact]
    public void Without_a_time_to_gather_there_are_no_pauses()
    {
        var backend = new PausingBackend();
        using var loop = new EventLoop(backend) { GatherNs = 0 };
        loop.StartTimer(new LoopTimer(new Ignored()), 1_000_000);
        loop.RunOnce();
        Assert.Equal((0, false), (backend.Pauses, backend.Holds));
        Assert.Null(loop.Gathering);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EventLoop(new PausingBackend()) { GatherNs = -1 });
    }

    private sealed class Ignored : ITimerHandler
    {
        public void OnTimer(LoopTimer timer)
        {
        }
    }

    /// <summary>Counts pauses; its clock moves by what the loop asks for.</summary>
    private sealed class PausingBackend : BareBackend, ILoopBackend
    {
        public override string Name => "pausing";

        public int Pauses { get; private set; }

        public bool Holds { get; private set; }

        public Action? InPause { get; set; }

        bool ILoopBackend.HoldsReceives
        {
            set => Holds = value;
        }

        void ILoopBackend.Gather(long pauseNs)
        {
            Assert.Equal(PauseNs, pauseNs);
            Pauses++;
            NowNs += pauseNs;
            InPause?.Invoke();
        }

        public override void Wait(long timeoutNs, int maxEvents) => NowNs += Math.Max(timeoutNs, 1);
    }
}
