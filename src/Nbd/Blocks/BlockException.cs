namespace Harness.Nbd;

/// <summary>A block chain cannot be made or opened. The message is one line: what is wrong, and what to do.</summary>
/// <param name="message">The line.</param>
public sealed class BlockException(string message) : IOException(message)
{
    /// <summary>True where the chain is written wrongly; false where what it names cannot be had.</summary>
    public bool IsUsage { get; init; }
}
