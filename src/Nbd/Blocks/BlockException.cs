namespace Harness.Nbd;

/// <summary>A block chain cannot be made or opened. The message is one line: what is wrong, and what to do.</summary>
/// <param name="message">The line.</param>
public sealed class BlockException(string message) : IOException(message);
