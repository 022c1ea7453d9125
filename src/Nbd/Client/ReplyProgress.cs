namespace Harness.Nbd;

/// <summary>
/// What is known of a reply that comes in chunks, beside the request itself, which may have ended at its deadline while its chunks still come.
/// </summary>
internal struct ReplyProgress
{
    public ulong Offset;
    public NbdCommand Command;
    public NbdCommandFlags Flags;

    /// <summary>Of a READ: bytes that have been answered, from its beginning on, without a gap.</summary>
    public uint Covered;

    /// <summary>Of a READ: whether any of it has been answered.</summary>
    public bool HasContent;

    /// <summary>The first error that was told, a positive errno, or 0.</summary>
    public int Error;

    /// <summary>Of a BLOCK_STATUS: a bit for each context that has been answered, in the order of the negotiation.</summary>
    public ulong ContextsSeen;
}
