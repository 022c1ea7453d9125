namespace Harness.Io;

/// <summary>Told when a timer is due.</summary>
public interface ITimerHandler
{
    /// <summary>The timer is due and no longer running; it may be started again from here. Called on the loop's thread; must not throw.</summary>
    void OnTimer(LoopTimer timer);
}

/// <summary>
/// A point in time at which a loop calls its handler once. Its owner creates it once; starting and stopping allocate nothing. It belongs to one loop's thread.
/// </summary>
/// <param name="handler">Called when the timer is due.</param>
public sealed class LoopTimer(ITimerHandler handler)
{
    internal int HeapIndex = -1;

    // When it is due as its loop orders its timers: DueNs or, where that had passed already when a timer's handler started it, the instant of that call.
    internal long OrderNs;

    // Its place among all starts of its loop.
    internal long StartedAs;

    /// <summary>Called when the timer is due.</summary>
    public ITimerHandler Handler { get; } = handler;

    /// <summary>When it is due, on the loop's clock (<see cref="EventLoop.NowNs"/>); after the call of the handler, when it was.</summary>
    public long DueNs { get; internal set; }

    /// <summary>True from start to stop or to the call of the handler.</summary>
    public bool IsRunning => HeapIndex >= 0;
}
