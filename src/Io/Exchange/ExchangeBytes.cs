namespace Harness.Io;

/// <summary>
/// The bytes of a bare exchange: those of NBD reads with simple replies (proto.md, "Request message" and "Simple reply message"), counted and not looked at.
/// </summary>
public static class ExchangeBytes
{
    /// <summary>Bytes of one request.</summary>
    public const int Request = 28;

    /// <summary>Bytes of one reply before its payload.</summary>
    public const int ReplyHeader = 16;

    /// <summary>The largest payload of one reply: 32 MiB, the most that NBD servers take in one request.</summary>
    public const int MaxPayload = 32 << 20;

    // More than the 2 MiB of a server's Unix sockets: the limit should not be ours. The kernel caps it at net.core.wmem_max.
    internal const int SendBuffer = 4 << 20;

    // Without a word for so long a sleeping side looks whether it is to end.
    internal const int LookMs = 100;
}
