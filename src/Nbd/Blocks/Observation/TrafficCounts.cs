namespace Harness.Nbd;

/// <summary>So many requests took at most so long, and longer than the class before.</summary>
/// <param name="UpToNs">The longest of the class, in nanoseconds.</param>
/// <param name="Count">How many they were, 1 or more.</param>
public readonly record struct LatencyClass(long UpToNs, long Count);

/// <summary>What went through one place of the graph, of one command.</summary>
public sealed class TrafficCounts
{
    private readonly LatencyCounts _latency = new();

    /// <summary>Requests that have come to their end.</summary>
    public long Requests => _latency.Count;

    /// <summary>Bytes of their ranges.</summary>
    public ulong Bytes { get; private set; }

    /// <summary>Those among them that failed.</summary>
    public long Errors { get; private set; }

    /// <summary>The longest that one took behind this place, in nanoseconds.</summary>
    public long MaxNs => _latency.Max;

    /// <summary>What a share of them did not exceed, in nanoseconds; at most an eighth too large.</summary>
    /// <param name="share">0 to 1, such as 0.99.</param>
    public long PercentileNs(double share) => _latency.Percentile(share);

    /// <summary>How long they took, from the shortest on: eight classes to each power of two.</summary>
    public IEnumerable<LatencyClass> Latencies => _latency.Seen;

    /// <summary>Several as one.</summary>
    public static TrafficCounts Sum(IEnumerable<TrafficCounts> all)
    {
        var sum = new TrafficCounts();
        foreach (TrafficCounts counts in all)
        {
            sum.Add(counts);
        }

        return sum;
    }

    internal void Record(ulong bytes, bool failed, long ns)
    {
        Bytes += bytes;
        Errors += failed ? 1 : 0;
        _latency.Record(ns);
    }

    internal void Add(TrafficCounts other)
    {
        Bytes += other.Bytes;
        Errors += other.Errors;
        _latency.Add(other._latency);
    }
}

/// <summary>Counts the requests that go by one edge on one loop, while somebody observes it. All members are for the loop's thread.</summary>
internal sealed class EdgeCounts(BlockLoop home) : TicketCount(home, () => { })
{
    private readonly BlockLoop _home = home;

    /// <summary>By the command's number.</summary>
    public TrafficCounts?[] Commands { get; } = new TrafficCounts?[(int)NbdCommand.Resize];

    /// <summary>A request goes on behind the edge.</summary>
    public void Enter(BlockRequest request) => DrainTicket.Add(request, this, untilRelease: false);

    /// <inheritdoc/>
    public override void End(BlockRequest request, DrainTicket ticket)
    {
        Left--;
        TrafficCounts counts = Commands[(int)request.Command] ??= new TrafficCounts();
        counts.Record(request.Length, request.Error != 0, _home.Loop.NowNs - ticket.SinceNs);
    }
}
