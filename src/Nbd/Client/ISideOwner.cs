namespace Harness.Nbd;

/// <summary>
/// What a side of a connection tells the client that owns it. The two sides know this and the table of requests in flight, and nothing of each other.
/// </summary>
internal interface ISideOwner
{
    /// <summary>
    /// The request of this slot is over, in both directions. The owner gives the slot back and reports it, which may end the connection or bring new requests.
    /// </summary>
    void Finish(int slot, int error, long completedNs);

    /// <summary>A reply has been received in part.</summary>
    bool IsWithinReply { get; }

    /// <summary>A receive has been taken apart to the last byte; called before the next receive is armed.</summary>
    void BatchHandled(long nowNs);

    /// <summary>How long the next receive may wait: until the oldest request's deadline, or 0 for ever.</summary>
    long ReceiveTimeoutNs(long nowNs);

    /// <summary>Every request that was submitted has left.</summary>
    void AllSent();

    /// <summary>The last request, DISC, has left.</summary>
    void DisconnectSent();

    /// <summary>The server has closed the connection.</summary>
    /// <param name="isWithinReply">In the middle of a reply.</param>
    void StreamEnded(bool isWithinReply);

    /// <summary>The connection cannot go on.</summary>
    /// <param name="errno">Positive; what the requests in flight end with.</param>
    /// <param name="reason">What happened, without the peer's name and the states, which the owner adds.</param>
    void Broken(int errno, string reason);
}
