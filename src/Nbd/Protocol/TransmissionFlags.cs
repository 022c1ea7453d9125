namespace Harness.Nbd;

/// <summary>What an export can do (16 bits on the wire). NBD protocol, "Transmission flags".</summary>
[Flags]
public enum TransmissionFlags : ushort
{
    /// <summary>Not legal on the wire: <see cref="HasFlags"/> is always set there.</summary>
    None = 0,

    /// <summary>HAS_FLAGS: always set.</summary>
    HasFlags = 1 << 0,

    /// <summary>READ_ONLY: writes of any kind are refused with EPERM.</summary>
    ReadOnly = 1 << 1,

    /// <summary>SEND_FLUSH: FLUSH is served.</summary>
    SendFlush = 1 << 2,

    /// <summary>SEND_FUA: the flag FUA is accepted on every command.</summary>
    SendFua = 1 << 3,

    /// <summary>ROTATIONAL: seeking is dear.</summary>
    Rotational = 1 << 4,

    /// <summary>SEND_TRIM: TRIM is served.</summary>
    SendTrim = 1 << 5,

    /// <summary>SEND_WRITE_ZEROES: WRITE_ZEROES is served, with NO_HOLE.</summary>
    SendWriteZeroes = 1 << 6,

    /// <summary>SEND_DF: the flag DF is accepted; only with structured replies.</summary>
    SendDf = 1 << 7,

    /// <summary>CAN_MULTI_CONN: a flush on one connection covers what was acknowledged on all.</summary>
    CanMultiConn = 1 << 8,

    /// <summary>SEND_RESIZE: experimental.</summary>
    SendResize = 1 << 9,

    /// <summary>SEND_CACHE: CACHE is served.</summary>
    SendCache = 1 << 10,

    /// <summary>SEND_FAST_ZERO: the flag FAST_ZERO is accepted; only with <see cref="SendWriteZeroes"/>.</summary>
    SendFastZero = 1 << 11,

    /// <summary>BLOCK_STATUS_PAYLOAD: BLOCK_STATUS may carry a payload; only with extended headers.</summary>
    BlockStatusPayload = 1 << 12,
}
