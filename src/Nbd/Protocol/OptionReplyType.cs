namespace Harness.Nbd;

/// <summary>Kinds of option reply (32 bits on the wire). Values with the top bit set are errors. NBD protocol, "Option reply types".</summary>
public enum OptionReplyType : uint
{
    /// <summary>ACK: done; carries no data.</summary>
    Ack = 1,

    /// <summary>SERVER: one export of a LIST.</summary>
    Server = 2,

    /// <summary>INFO: one fact about an export.</summary>
    Info = 3,

    /// <summary>META_CONTEXT: one metadata context.</summary>
    MetaContext = 4,

    /// <summary>ERR_UNSUP: the server does not know the option.</summary>
    ErrUnsup = ErrorBit | 1,

    /// <summary>ERR_POLICY: the server knows the option and does not allow it.</summary>
    ErrPolicy = ErrorBit | 2,

    /// <summary>ERR_INVALID: the option's data is malformed or out of place.</summary>
    ErrInvalid = ErrorBit | 3,

    /// <summary>ERR_PLATFORM: not supported on the server's platform.</summary>
    ErrPlatform = ErrorBit | 4,

    /// <summary>ERR_TLS_REQD: the server wants STARTTLS first.</summary>
    ErrTlsRequired = ErrorBit | 5,

    /// <summary>ERR_UNKNOWN: no such export.</summary>
    ErrUnknown = ErrorBit | 6,

    /// <summary>ERR_SHUTDOWN: the server is about to stop.</summary>
    ErrShutdown = ErrorBit | 7,

    /// <summary>ERR_BLOCK_SIZE_REQD: the client must ask for, and obey, the block sizes.</summary>
    ErrBlockSizeRequired = ErrorBit | 8,

    /// <summary>ERR_TOO_BIG: the request or its answer is too large.</summary>
    ErrTooBig = ErrorBit | 9,

    /// <summary>ERR_EXT_HEADER_REQD: the client must negotiate extended headers first.</summary>
    ErrExtendedHeadersRequired = ErrorBit | 10,

    /// <summary>The bit that every error has, also those that are not listed here.</summary>
    ErrorBit = 0x80000000,
}

/// <summary>Questions about <see cref="OptionReplyType"/>. Any thread may ask.</summary>
public static class OptionReplyTypes
{
    /// <summary>True for every value with the top bit set, known or not.</summary>
    public static bool IsError(this OptionReplyType type) => (type & OptionReplyType.ErrorBit) != 0;

    /// <summary>For messages: the protocol's name and what it means, such as <c>ERR_UNKNOWN (no such export)</c>.</summary>
    public static string Text(this OptionReplyType type) => type switch
    {
        OptionReplyType.Ack => "ACK",
        OptionReplyType.Server => "SERVER",
        OptionReplyType.Info => "INFO",
        OptionReplyType.MetaContext => "META_CONTEXT",
        OptionReplyType.ErrUnsup => "ERR_UNSUP (option not supported)",
        OptionReplyType.ErrPolicy => "ERR_POLICY (not allowed by the server)",
        OptionReplyType.ErrInvalid => "ERR_INVALID (malformed option)",
        OptionReplyType.ErrPlatform => "ERR_PLATFORM (not supported on the server's platform)",
        OptionReplyType.ErrTlsRequired => "ERR_TLS_REQD (the server wants TLS)",
        OptionReplyType.ErrUnknown => "ERR_UNKNOWN (no such export)",
        OptionReplyType.ErrShutdown => "ERR_SHUTDOWN (the server is stopping)",
        OptionReplyType.ErrBlockSizeRequired => "ERR_BLOCK_SIZE_REQD (the client must obey block sizes)",
        OptionReplyType.ErrTooBig => "ERR_TOO_BIG (too large)",
        OptionReplyType.ErrExtendedHeadersRequired => "ERR_EXT_HEADER_REQD (the client must use extended headers)",
        _ => $"option reply type 0x{(uint)type:x8}",
    };
}
