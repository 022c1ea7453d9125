namespace Harness.Nbd;

/// <summary>Options that a client may send in the handshake (32 bits on the wire; other values are legal input). NBD protocol, "Option types".</summary>
public enum NbdOption : uint
{
    /// <summary>EXPORT_NAME: enter this export; has no error reply.</summary>
    ExportName = 1,

    /// <summary>ABORT: the client leaves.</summary>
    Abort = 2,

    /// <summary>LIST: name the exports.</summary>
    List = 3,

    /// <summary>PEEK_EXPORT: withdrawn from the protocol.</summary>
    PeekExport = 4,

    /// <summary>STARTTLS: encrypt from here on.</summary>
    StartTls = 5,

    /// <summary>INFO: describe an export.</summary>
    Info = 6,

    /// <summary>GO: describe an export and enter it.</summary>
    Go = 7,

    /// <summary>STRUCTURED_REPLY: answer READ in chunks.</summary>
    StructuredReply = 8,

    /// <summary>LIST_META_CONTEXT: name the metadata contexts.</summary>
    ListMetaContext = 9,

    /// <summary>SET_META_CONTEXT: select metadata contexts.</summary>
    SetMetaContext = 10,

    /// <summary>EXTENDED_HEADERS: 64-bit lengths in requests and replies.</summary>
    ExtendedHeaders = 11,
}
