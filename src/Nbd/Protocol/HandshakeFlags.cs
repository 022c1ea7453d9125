namespace Harness.Nbd;

/// <summary>What a server offers in its greeting (16 bits on the wire). NBD protocol, "Handshake flags".</summary>
[Flags]
public enum HandshakeFlags : ushort
{
    /// <summary>Plain newstyle: EXPORT_NAME is the only option.</summary>
    None = 0,

    /// <summary>FIXED_NEWSTYLE: options get replies, and unknown ones are answered instead of ending the connection.</summary>
    FixedNewstyle = 1 << 0,

    /// <summary>NO_ZEROES: the 124 zero bytes after EXPORT_NAME can be left out.</summary>
    NoZeroes = 1 << 1,
}
