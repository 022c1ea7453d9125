namespace Harness.Nbd;

/// <summary>
/// Which headers a connection uses in its transmission phase, as the handshake settled it. Ordered: a peer that is offered one form can be talked into any
/// before it. NBD protocol, "Structured replies", and its extension "Extended headers".
/// </summary>
public enum ReplyForm : byte
{
    /// <summary>Nothing was negotiated: compact requests, simple replies.</summary>
    Simple,

    /// <summary>STRUCTURED_REPLY: compact requests; READ and BLOCK_STATUS are answered in chunks, the rest simply or in chunks.</summary>
    Structured,

    /// <summary>EXTENDED_HEADERS: requests with 64-bit lengths, and every reply in extended chunks.</summary>
    Extended,
}

/// <summary>Questions about <see cref="ReplyForm"/>. Any thread may ask; nothing is allocated.</summary>
public static class ReplyForms
{
    /// <summary>Bytes of a request's header, without its payload.</summary>
    public static int RequestBytes(this ReplyForm form) => form == ReplyForm.Extended ? Requests.ExtendedSize : Requests.CompactSize;

    /// <summary>
    /// What an export announces to a client that has settled on this form: DF exists only with chunks, and a payload for BLOCK_STATUS only with extended
    /// headers.
    /// </summary>
    public static TransmissionFlags Announce(this ReplyForm form, TransmissionFlags flags) => form switch
    {
        ReplyForm.Simple => flags & ~(TransmissionFlags.SendDf | TransmissionFlags.BlockStatusPayload),
        ReplyForm.Structured => (flags | TransmissionFlags.SendDf) & ~TransmissionFlags.BlockStatusPayload,
        _ => flags | TransmissionFlags.SendDf | TransmissionFlags.BlockStatusPayload,
    };
}
