using System.Diagnostics;

namespace HdrHistogram;

/// <summary>By what to divide recorded values in output. Recorded values in Linux are nanoseconds, as are the ticks of <see cref="Stopwatch"/>.</summary>
public static class OutputScalingFactor
{
    public const double None = 1.0;
    public static readonly double TimeStampToMicroseconds = Stopwatch.Frequency / 1_000_000.0;
    public static readonly double TimeStampToMilliseconds = Stopwatch.Frequency / 1_000.0;
    public static readonly double TimeStampToSeconds = Stopwatch.Frequency;
}
