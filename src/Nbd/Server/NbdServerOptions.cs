namespace Harness.Nbd;

/// <summary>The bounds that a server keeps; the defaults suit a server that faces strangers.</summary>
public sealed record NbdServerOptions
{
    /// <summary>Connections at one time, over all loops; the next is closed as soon as it is accepted. 1 or more.</summary>
    public int MaxConnections { get; init; } = Limits.DefaultMaxConnections;

    /// <summary>
    /// Requests in flight per connection before the server stops receiving, 1 or more. Twice what the deepest usual client keeps; a pipelining client without
    /// bound is then held by the kernel's socket buffers.
    /// </summary>
    public int MaxInFlight { get; init; } = Limits.DefaultMaxInFlight;

    /// <summary>
    /// Bytes of payload in flight per connection before the server stops receiving. A single request larger than this still goes through, alone.
    /// </summary>
    public long MaxBytes { get; init; } = Limits.DefaultMaxInFlightBytes;

    /// <summary>
    /// The richest form of replies that clients may negotiate: with less, the options for more are answered as if the server had never heard of them.
    /// </summary>
    public ReplyForm Replies { get; init; } = ReplyForm.Extended;

    /// <summary>How long a client may take from its connection to the transmission phase, in nanoseconds.</summary>
    public long HandshakeTimeoutNs { get; init; } = Limits.DefaultHandshakeTimeoutMs * 1_000_000L;

    /// <summary>How long the server, at its end, waits for requests in flight before it answers them with ESHUTDOWN, in nanoseconds.</summary>
    public long DrainDeadlineNs { get; init; } = 5_000_000_000;

    /// <summary>
    /// Bytes of one receive at most. Requests are parsed where they were received, and payloads up to a quarter of this are handed to the block in place;
    /// an option longer than this is refused, and the longest one that means something has 135,172 bytes.
    /// </summary>
    public int ReceiveBytes { get; init; } = 256 << 10;
}
