using Harness.Matrix;

namespace Harness.Load;

/// <summary>The order of offsets.</summary>
internal enum AccessPattern
{
    Random,
    Sequential,

    /// <summary>A hot set: a block of rank r is visited with probability proportional to r^-theta.</summary>
    Zipf,
}

/// <summary>What the load generator knows about the data it reads.</summary>
internal enum VerifyMode
{
    None,

    /// <summary>Own writes: a word is a hash of seed, offset and version; checked on every read and in a sweep at the end.</summary>
    Versions,

    /// <summary>nbdkit's pattern plugin: every aligned 8 bytes hold their own offset, big-endian.</summary>
    Pattern,

    /// <summary>Every byte read is zero.</summary>
    Zeroes,
}

/// <summary>What <c>harness load</c> was asked for.</summary>
internal sealed record LoadOptions
{
    public required string Uri { get; init; }

    /// <summary>Share of reads, 0 to 100; the rest are writes.</summary>
    public int ReadPercent { get; init; } = 100;

    public AccessPattern Pattern { get; init; }

    /// <summary>The exponent of <see cref="AccessPattern.Zipf"/>.</summary>
    public double ZipfTheta { get; init; }

    /// <summary>Bytes of one request, the largest where there are several sizes: offsets are multiples of it.</summary>
    public int RequestBytes { get; init; } = 4096;

    /// <summary>Several sizes and their shares; null where all requests have <see cref="RequestBytes"/>.</summary>
    public RequestSizes? Sizes { get; init; }

    /// <summary>Closed loop: the pause between an answer and the next request in its place.</summary>
    public TimeSpan ThinkTime { get; init; }

    /// <summary>Requests in flight per connection; in an open loop the most there may be.</summary>
    public int Depth { get; init; } = 64;

    public int Connections { get; init; } = 1;

    /// <summary>The measured time, in an open loop the length of the schedule; not looked at where <see cref="Ops"/> is given.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The measured number of operations over all connections; null runs for <see cref="Duration"/>.</summary>
    public long? Ops { get; init; }

    /// <summary>Time before the measured part, under the same load, that is not recorded.</summary>
    public TimeSpan Warmup { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Open loop: operations per second over all connections, 1 to <see cref="ArrivalSchedule.MaxRate"/>. Null is a closed loop.</summary>
    public long? Rate { get; init; }

    /// <summary>How the open loop's gaps are made.</summary>
    public ArrivalProcess Arrivals { get; init; }

    /// <summary>Whether the client reads and writes at once, and with how many threads.</summary>
    public Duplex Duplex { get; init; }

    /// <summary>Whether what the sides do is recorded, and thrown away: what that costs.</summary>
    public bool Timeline { get; init; }

    /// <summary>One of <see cref="Vocabulary.Backends"/>.</summary>
    public required string Backend { get; init; }

    /// <summary>One of <see cref="Vocabulary.Waits"/>.</summary>
    public required string Wait { get; init; }

    /// <summary>TCP congestion control of our sockets, by its kernel name; null leaves the machine's default.</summary>
    public string? TcpCongestion { get; init; }

    public ulong Seed { get; init; } = 1;

    public VerifyMode Verify { get; init; }

    /// <summary>A request without a reply for this long is an error; null waits for ever.</summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary>
    /// The richest form of replies to ask for. Simple ones unless asked otherwise: they are the shortest, and those that committed figures are of.
    /// </summary>
    public Nbd.ReplyForm Replies { get; init; }

    /// <summary>Where the result goes as one JSON object: a path, <c>-</c> for stdout, null for nowhere.</summary>
    public string? Json { get; init; }

    /// <summary>Path of the latency percentiles; null for none.</summary>
    public string? Hgrm { get; init; }

    /// <summary>Path of the latency interval log; null for none.</summary>
    public string? Hlog { get; init; }

    /// <summary>How long its intervals are at first, in whole milliseconds; null is a second.</summary>
    public TimeSpan? HlogInterval { get; init; }

    /// <summary>The server's <c>--control</c> socket, whose counters go into the result; null for none.</summary>
    public string? ServerControl { get; init; }

    /// <summary>Whether the text says where the time went; the JSON always does.</summary>
    public bool Explain { get; init; }

    /// <summary>The process of a server that is not ours, whose CPU time goes into the result; null for none.</summary>
    public int? ServerPid { get; init; }
}
