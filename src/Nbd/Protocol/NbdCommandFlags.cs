namespace Harness.Nbd;

/// <summary>Flags of one request (16 bits on the wire). NBD protocol, "Command flags".</summary>
[Flags]
public enum NbdCommandFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>FUA: the reply comes only once this command's data is durable.</summary>
    Fua = 1 << 0,

    /// <summary>NO_HOLE, for WRITE_ZEROES: the space stays allocated.</summary>
    NoHole = 1 << 1,

    /// <summary>DF, for READ: answer in one piece.</summary>
    Df = 1 << 2,

    /// <summary>REQ_ONE, for BLOCK_STATUS: one extent per context.</summary>
    ReqOne = 1 << 3,

    /// <summary>FAST_ZERO, for WRITE_ZEROES: ENOTSUP where it would be no faster than writing.</summary>
    FastZero = 1 << 4,

    /// <summary>PAYLOAD_LEN: the length is that of a payload; only with extended headers.</summary>
    PayloadLen = 1 << 5,
}
