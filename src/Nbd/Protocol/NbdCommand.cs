namespace Harness.Nbd;

/// <summary>
/// Commands of the transmission phase (16 bits on the wire; other values are legal input and answered EINVAL). NBD protocol, "Request types".
/// </summary>
public enum NbdCommand : ushort
{
    /// <summary>READ.</summary>
    Read = 0,

    /// <summary>WRITE: the one command that carries data.</summary>
    Write = 1,

    /// <summary>DISC: the client leaves after what is in flight; has no reply.</summary>
    Disconnect = 2,

    /// <summary>FLUSH: all writes that were answered before become durable.</summary>
    Flush = 3,

    /// <summary>TRIM: the range is not needed any more.</summary>
    Trim = 4,

    /// <summary>CACHE: the range will be read soon.</summary>
    Cache = 5,

    /// <summary>WRITE_ZEROES: the range reads as zeroes afterwards.</summary>
    WriteZeroes = 6,

    /// <summary>BLOCK_STATUS: what lies where; needs a metadata context.</summary>
    BlockStatus = 7,

    /// <summary>RESIZE: experimental, never served.</summary>
    Resize = 8,
}

/// <summary>Questions about <see cref="NbdCommand"/>. Any thread may ask.</summary>
public static class NbdCommands
{
    /// <summary>For messages: the protocol's name, such as <c>WRITE_ZEROES</c>, or <c>command 77</c>.</summary>
    public static string Text(this NbdCommand command) => command switch
    {
        NbdCommand.Read => "READ",
        NbdCommand.Write => "WRITE",
        NbdCommand.Disconnect => "DISC",
        NbdCommand.Flush => "FLUSH",
        NbdCommand.Trim => "TRIM",
        NbdCommand.Cache => "CACHE",
        NbdCommand.WriteZeroes => "WRITE_ZEROES",
        NbdCommand.BlockStatus => "BLOCK_STATUS",
        NbdCommand.Resize => "RESIZE",
        _ => $"command {(ushort)command}",
    };
}
