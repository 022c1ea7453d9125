namespace Harness.Nbd;

/// <summary>The numbers by which messages begin. All travel big-endian. NBD protocol, "Handshake", "Request message" and "Simple reply message".</summary>
public static class NbdMagic
{
    /// <summary>"NBDMAGIC": the first 8 bytes that a server sends.</summary>
    public const ulong Greeting = 0x4e42444d41474943;

    /// <summary>"IHAVEOPT": the second 8 bytes of a newstyle server, and the first 8 of every option request.</summary>
    public const ulong Option = 0x49484156454f5054;

    /// <summary>The second 8 bytes of an oldstyle server, which has no options; recognised only to be refused by name.</summary>
    public const ulong Oldstyle = 0x00420281861253;

    /// <summary>The first 8 bytes of every option reply.</summary>
    public const ulong OptionReply = 0x0003e889045565a9;

    /// <summary>The first 4 bytes of a compact request (28 bytes).</summary>
    public const uint Request = 0x25609513;

    /// <summary>The first 4 bytes of an extended request (32 bytes), after EXTENDED_HEADERS.</summary>
    public const uint ExtendedRequest = 0x21e41c71;

    /// <summary>The first 4 bytes of a simple reply (16 bytes).</summary>
    public const uint SimpleReply = 0x67446698;

    /// <summary>The first 4 bytes of a structured reply chunk (20 bytes), after STRUCTURED_REPLY.</summary>
    public const uint StructuredReply = 0x668e33ef;

    /// <summary>The first 4 bytes of an extended reply chunk (32 bytes), after EXTENDED_HEADERS.</summary>
    public const uint ExtendedReply = 0x6e8a278c;
}
