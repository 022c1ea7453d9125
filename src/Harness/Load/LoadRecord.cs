using HdrHistogram;

namespace Harness.Load;

/// <summary>
/// The times of one measured part, all in nanoseconds: latency from the intended time, service time from the actual send and, open loop, the send lag
/// between the two. Allocated before the measured part.
/// </summary>
/// <param name="isOpen">Whether requests have a time of their own.</param>
/// <param name="intervals">How many intervals of latencies to keep, see <see cref="IntervalLog"/>.</param>
/// <param name="interval">How long an interval is at first.</param>
internal sealed class LoadRecord(bool isOpen, int intervals = 64, TimeSpan? interval = null)
{
    /// <summary>From when a request was to be sent to its whole reply, by interval.</summary>
    public IntervalLog Latencies { get; } = interval is { } length ? new(intervals, (long)length.TotalNanoseconds) : new(intervals);

    /// <summary>From when a request was handed to a send to its whole reply.</summary>
    public LongHistogram Services { get; } = LatencyHistogram.Create();

    /// <summary>From when a request was to be sent to when it was; null in a closed loop, where requests are sent when they can be.</summary>
    public LongHistogram? SendLags { get; } = isOpen ? LatencyHistogram.Create() : null;

    /// <summary>Open loop: looks for a queue without end.</summary>
    public LatencyGrowth Growth { get; } = new();

    /// <summary>Where the measured part begins on the loop's clock, and how long an open loop's schedule is.</summary>
    public void Start(long startNs, long scheduleNs)
    {
        Latencies.Start(startNs);
        Growth.Start(startNs, scheduleNs);
    }

    /// <summary>Takes a request that ended well.</summary>
    public void Add(long intendedNs, long sentNs, long completedNs)
    {
        Latencies.Record(completedNs - intendedNs, completedNs);
        Services.RecordValue(completedNs - sentNs);
        if (SendLags is not null)
        {
            SendLags.RecordValue(sentNs - intendedNs);
            Growth.Record(intendedNs, completedNs - intendedNs);
        }
    }
}
