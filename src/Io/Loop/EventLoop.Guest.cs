namespace Harness.Io;

/// <content>A loop whose thread sleeps somewhere else: what <see cref="WaitForWork"/> does around a sleep, in two halves.</content>
public sealed partial class EventLoop
{
    /// <summary>How long the thread may sleep before a turn has something to do: nanoseconds, 0 not at all, -1 without limit.</summary>
    internal long MaySleepNs => SleepNs(-1);

    /// <summary>
    /// The thread is about to sleep somewhere else. From now on other threads wake it; false where it must not, because there is work already.
    /// </summary>
    internal bool BeginSleep() => SleepNs(-1) != 0 && MaySleep();

    /// <summary>The thread is awake again, and whoever posts need not wake it.</summary>
    internal void EndSleep() => Volatile.Write(ref _sleeping, 0);
}
