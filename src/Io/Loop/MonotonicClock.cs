using System.Diagnostics;

namespace Harness.Io;

/// <summary>CLOCK_MONOTONIC, which every real backend's clock is; see clock_gettime(2). Any thread may read it.</summary>
public static class MonotonicClock
{
    private static readonly long TicksPerSecond = Stopwatch.Frequency;

    /// <summary>Nanoseconds since some point in the past; never goes back.</summary>
    public static long NowNs => TicksPerSecond == 1_000_000_000
        ? Stopwatch.GetTimestamp()
        : (long)(Stopwatch.GetTimestamp() * (1e9 / TicksPerSecond));
}
