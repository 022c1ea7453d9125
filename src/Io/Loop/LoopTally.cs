namespace Harness.Io;

/// <summary>
/// What the code above a loop counts about itself, since the loop knows receives and sends but not what is in them. Counted per batch, on the loop's thread;
/// another thread reads it by posting to the loop.
/// </summary>
public sealed class LoopTally
{
    /// <summary>
    /// Messages that one receive brought, whole or at least their headers: requests in a server, replies in a client. 0: more of one that had begun before, or
    /// requests that must wait until the server's window has room.
    /// </summary>
    public BatchSizes MessagesPerReceive { get; } = new();

    /// <summary>Messages that one send took: replies in a server, requests in a client. 0: the rest of a send that the socket took in part.</summary>
    public BatchSizes MessagesPerSend { get; } = new();

    /// <summary>Bytes of data that the code copied from memory to memory; what it wrote or read in place is not among them, nor are headers.</summary>
    public long BytesCopied { get; set; }
}
