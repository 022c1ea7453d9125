namespace Harness.Nbd;

/// <summary>How a connection behaves. Immutable; any thread may read it.</summary>
public sealed record NbdClientOptions
{
    /// <summary>The export's name in UTF-8, at most 4096 bytes; empty for the server's default export.</summary>
    public string ExportName { get; init; } = string.Empty;

    /// <summary>
    /// The richest form of replies to ask for; what the server grants is in <see cref="NbdClient.Replies"/>. Simple replies are the shortest, and what is
    /// asked for unless more is wanted: holes and error texts need structured replies, lengths of more than 32 bits extended headers.
    /// </summary>
    public ReplyForm Replies { get; init; }

    /// <summary>
    /// Metadata contexts to select, at most 64, such as <see cref="MetaContext.Allocation"/>; they need more than simple replies. What the server grants is in
    /// <see cref="NbdClient.MetaContexts"/>.
    /// </summary>
    public IReadOnlyList<string> MetaContexts { get; init; } = [];

    /// <summary>
    /// Requests on the wire at most, 1 to 65,536; more are queued. The table grows to here by doubling and is not touched by the allocator after that.
    /// </summary>
    public int MaxInFlight { get; init; } = 16_384;

    /// <summary>
    /// Requests that leave in one send at most, 1 to 1024. A client that keeps fewer in flight than that saves the memory of the rest by saying so.
    /// </summary>
    public int MaxBatchRequests { get; init; } = 1024;

    /// <summary>
    /// Bytes of one receive at most, 4 KiB or more: best a little more than all replies that are in flight at a time, and no more than 64 KiB. A larger receive
    /// is not a faster one: while it copies, neither side has anything to do with what has come already, and its bytes are gone from the nearest cache when
    /// they are copied on (bench/README.md, "Tried").
    /// </summary>
    public int ReceiveBytes { get; init; } = 64 << 10;

    /// <summary>
    /// True for a client that does one thing at a time, for comparison: while a reply is half received, no send begins. libnbd 1.22 does so with its one state
    /// machine per handle; everything else stays as it is here, buffers and batches among it.
    /// </summary>
    public bool HalfDuplex { get; init; }

    /// <summary>Entries of <see cref="NbdClient.Timeline"/>, as <see cref="ClientTimeline(int)"/> takes them; 0 records nothing.</summary>
    public int TimelineEntries { get; init; }

    /// <summary>Nanoseconds after its submission at which a request without a reply ends with ETIMEDOUT; 0 is never.</summary>
    public long RequestTimeoutNs { get; init; }

    /// <summary>Nanoseconds that one step of the handshake may take; 0 is for ever.</summary>
    public long HandshakeTimeoutNs { get; init; } = 10_000_000_000;

    /// <summary>Nanoseconds that connecting may take, attempts on a full backlog included; 0 is for ever.</summary>
    public long ConnectTimeoutNs { get; init; } = 10_000_000_000;
}
