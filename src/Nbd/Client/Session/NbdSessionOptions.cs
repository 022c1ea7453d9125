using Harness.Io;

namespace Harness.Nbd;

/// <summary>How an <see cref="NbdSession"/> behaves. Immutable; any thread may read it.</summary>
public sealed record NbdSessionOptions
{
    /// <summary>How each connection behaves.</summary>
    public NbdClientOptions Client { get; init; } = new() { MaxInFlight = 1024, MaxBatchRequests = 256 };

    /// <summary>
    /// Connections at most, 1 to 64. More than one are made only to a server that promises CAN_MULTI_CONN, which says that a FLUSH on one covers what was
    /// answered on all.
    /// </summary>
    public int Connections { get; init; } = 1;

    /// <summary>
    /// True where a WRITE, TRIM or WRITE_ZEROES whose connection broke before its answer is sent again. To do it twice leaves the same bytes as to do it once,
    /// unless somebody else writes to the same place between the two, or the server goes on with the first one after its connection broke, and does it after a
    /// later write of ours to the same place. A killed server cannot do that; for one that lives on behind a bad network, or an export with other writers, say
    /// false, and the request fails with what ended the connection.
    /// </summary>
    public bool ReissueChanges { get; init; } = true;

    /// <summary>How often one request is sent again at most, 0 or more: a request that brings the server down must not do so for ever.</summary>
    public int MaxReissues { get; init; } = 3;

    /// <summary>Nanoseconds of the first pause between two attempts to connect, 1 or more; each further one is twice as long. A connection that was in use and
    /// broke is made again at once.</summary>
    public long FirstPauseNs { get; init; } = 20_000_000;

    /// <summary>Nanoseconds of the longest pause.</summary>
    public long LongestPauseNs { get; init; } = 1_000_000_000;

    /// <summary>Nanoseconds without any connection, from the beginning or since the last one broke, after which the session gives up; 0 is never.</summary>
    public long AwayTimeoutNs { get; init; } = 30_000_000_000;

    /// <summary>Measures every call of the session and shows those that block; null measures nothing and costs nothing.</summary>
    public CallWatch? Watch { get; init; }
}
