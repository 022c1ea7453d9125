namespace Harness.Nbd;

/// <summary>A block chain cannot be made or opened. The message is one line: what is wrong, and what to do.</summary>
/// <param name="message">The line.</param>
public sealed class BlockException(string message) : IOException(message)
{
    /// <summary>True where the chain is written wrongly; false where what it names cannot be had.</summary>
    public bool IsUsage { get; init; }

    /// <summary>What a client may be told of it, which names nothing of this machine; null where that is no more than that the export cannot be had.</summary>
    public string? ForClient { get; init; }
}
