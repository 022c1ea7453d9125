using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// By how much the kernel may be late in ending a thread's sleep in ppoll(2) or epoll_pwait2(2), so that it can end several at once: 50 µs unless set. A loop
/// that keeps a schedule sets it to a nanosecond on its own thread. See PR_SET_TIMERSLACK in prctl(2).
/// </summary>
public static class TimerSlack
{
    /// <summary>The calling thread's slack in nanoseconds, 1 to 2^31 - 1. A sandbox that forbids the call makes it -1, and setting it void.</summary>
    public static int OfThisThreadNs
    {
        get => Prctl.prctl(Prctl.PR_GET_TIMERSLACK, 0, 0, 0, 0);
        set
        {
            // 0 would mean the default.
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _ = Prctl.prctl(Prctl.PR_SET_TIMERSLACK, (ulong)value, 0, 0, 0);
        }
    }
}
