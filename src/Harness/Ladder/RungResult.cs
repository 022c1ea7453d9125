using Harness.Results;

namespace Harness.Ladder;

/// <summary>What the measured part of a rung comes to: a closed loop that knows no single request, so it has neither errors nor latencies.</summary>
internal static class RungResult
{
    /// <param name="warmup">How long the rung ran before it.</param>
    /// <param name="startNs">When it began, by CLOCK_MONOTONIC.</param>
    /// <param name="seconds">How long it took.</param>
    /// <param name="ops">What was done in it.</param>
    /// <param name="bytesPerOp">The data that an operation carries.</param>
    /// <param name="client">What the process paid for it.</param>
    public static LoadResult Of(TimeSpan warmup, long startNs, double seconds, long ops, int bytesPerOp, SideCosts client) => new()
    {
        Ops = ops,
        Errors = 0,
        StartedMonotonicNs = startNs,
        Seconds = seconds,
        WarmupSeconds = Math.Round(warmup.TotalSeconds, 3),
        Iops = ops / seconds,
        BytesPerSecond = ops * (double)bytesPerOp / seconds,
        Backend = null,
        Wait = null,
        Arrivals = "closed",
        Client = client,
    };
}
