namespace Harness.Nbd;

/// <summary>What a client takes of the server's offer (32 bits on the wire). NBD protocol, "Client flags".</summary>
[Flags]
public enum ClientFlags : uint
{
    /// <summary>The client takes nothing: it may send EXPORT_NAME only.</summary>
    None = 0,

    /// <summary>C_FIXED_NEWSTYLE: the client understands option replies.</summary>
    FixedNewstyle = 1 << 0,

    /// <summary>C_NO_ZEROES: the client expects no zero bytes after EXPORT_NAME.</summary>
    NoZeroes = 1 << 1,
}
