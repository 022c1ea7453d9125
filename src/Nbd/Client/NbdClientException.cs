namespace Harness.Nbd;

/// <summary>
/// A connection could not be made, or a request has failed. The message is one line for people: the peer, what happened, and where it helps what to do.
/// </summary>
/// <param name="errno">Positive.</param>
/// <param name="message">The line.</param>
public sealed class NbdClientException(int errno, string message) : IOException(message)
{
    /// <summary>A positive errno.</summary>
    public int Errno { get; } = errno;
}
