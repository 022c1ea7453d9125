namespace Harness.Nbd;

/// <summary>
/// Every bound on what a peer may ask for, in one place, each with its reason. A bound is checked before anything is allocated or consumed, in 64 bits. Almost
/// every one has been someone's CVE.
/// </summary>
public static class Limits
{
    /// <summary>
    /// Bytes of UTF-8 in any one string: the protocol's own limit ("Conventions"). One number for all strings, since CVE-2017-15118 was a 4096-byte name in a
    /// shorter buffer, and CVE-2020-10761 an error text about such a name.
    /// </summary>
    public const int MaxStringBytes = 4096;

    /// <summary>
    /// Bytes of the text in an error that our server sends: enough for a sentence, and little enough that a thousand refused requests fit into a few sends.
    /// </summary>
    public const int MaxErrorTextBytes = 256;

    /// <summary>
    /// Bytes of an error chunk that a client takes before it ends the connection: the longest legal ERROR_OFFSET is 4110 bytes long, and kinds of error that
    /// are not known yet may say more.
    /// </summary>
    public const int MaxErrorChunkBytes = 64 << 10;

    /// <summary>
    /// Pieces, beyond those in order, that a client keeps count of for one READ: a reply in more pieces out of order ends the connection, since every piece
    /// costs memory that the server chooses.
    /// </summary>
    public const int MaxPiecesOutOfOrder = 1024;

    /// <summary>Extents in one BLOCK_STATUS chunk, 2^20: the protocol's own limit.</summary>
    public const int MaxExtentsPerChunk = 1 << 20;

    /// <summary>
    /// Options in one handshake, as nbdkit has it; more end the connection. Without it a client can negotiate for ever (CVE-2024-7409 is a relative).
    /// </summary>
    public const int MaxOptionsPerHandshake = 32;

    /// <summary>
    /// Bytes of one option's or option reply's data; more end the connection, which the protocol allows against denial of service. CVE-2017-15119 read up to 4
    /// GiB. The longest legal INFO or GO is 135,172 bytes: a name of 4096 bytes and 65,535 info types.
    /// </summary>
    public const int MaxOptionBytes = 256 << 10;

    /// <summary>
    /// Bytes of data in one READ or WRITE: what the protocol says that every server should take (2^25) and the largest that ours take. The bound that
    /// CVE-2005-3534 lacked, and that was lost again in CVE-2011-0530.
    /// </summary>
    public const uint MaxPayloadBytes = 32u << 20;

    /// <summary>
    /// A WRITE up to this long is answered EINVAL after its data has been read and thrown away; beyond, the connection ends. The protocol allows that end for
    /// anything above 32 MiB; a client that is only a little wrong deserves an answer.
    /// </summary>
    public const uint MaxSkippedPayloadBytes = 64u << 20;

    /// <summary>Bytes of an export, 2^63 - 1: beyond, a size looks like an error to code with signed offsets (CVE-2023-5215).</summary>
    public const ulong MaxExportBytes = long.MaxValue;

    /// <summary>Bytes of a block: the largest minimum block size that the protocol allows ("Block size constraints").</summary>
    public const uint MaxMinimumBlockBytes = 65_536;

    /// <summary>
    /// Requests in flight per connection before a server stops receiving, unless told otherwise. Clients pipeline without bound (nbd-tester-client does).
    /// </summary>
    public const int DefaultMaxInFlight = 1024;

    /// <summary>
    /// Bytes of payload in flight per connection before a server stops receiving, unless told otherwise: room for two of the largest requests.
    /// </summary>
    public const long DefaultMaxInFlightBytes = 2L * MaxPayloadBytes;

    /// <summary>Connections of a server, unless told otherwise (CVE-2024-7409: clients that connect and never negotiate).</summary>
    public const int DefaultMaxConnections = 100;

    /// <summary>Milliseconds from the accept to the end of the handshake, unless told otherwise (CVE-2024-7409).</summary>
    public const int DefaultHandshakeTimeoutMs = 10_000;

    /// <summary>Bytes of a Unix socket's path without the closing NUL: unix(7), <c>sun_path</c>.</summary>
    public const int MaxSocketPathBytes = 107;
}
