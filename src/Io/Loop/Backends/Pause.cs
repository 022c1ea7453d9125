using Harness.Io.Native;

namespace Harness.Io;

/// <summary>A sleep that nothing but time and signals ends; see clock_nanosleep(2).</summary>
internal static unsafe class Pause
{
    /// <summary>Sleeps, and counts the call. The kernel adds the thread's timer slack; a signal ends it early, which does no harm.</summary>
    /// <param name="pauseNs">Nanoseconds, more than 0.</param>
    /// <param name="counters">Where the call is counted.</param>
    public static void Sleep(long pauseNs, LoopCounters counters)
    {
        Poll.timespec time = Poll.timespec.FromNs(pauseNs);
        counters.Count(SystemCall.clock_nanosleep);
        _ = Time.clock_nanosleep(Time.CLOCK_MONOTONIC, 0, &time, null);
    }
}
