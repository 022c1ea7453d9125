using Harness.Io;

namespace Harness.Nbd;

/// <summary>Told how a request ended.</summary>
public interface IClientRequestHandler
{
    /// <summary>
    /// The request has ended: called exactly once for each <see cref="NbdClient.Submit"/>, on the loop's thread, never from inside the call that
    /// submitted it. The kernel holds none of the request's memory any more, and the request may be submitted again from here. It must not throw: an
    /// exception here ends the loop.
    /// </summary>
    /// <param name="request">The request, idle again.</param>
    /// <param name="error">0, or a positive errno: the server's own (NBD protocol, "Error values"; unknown ones become EINVAL), ETIMEDOUT after
    /// <see cref="NbdClientOptions.RequestTimeoutNs"/>, or why the connection ended (ECONNRESET, ESHUTDOWN, EPROTO, ...).</param>
    void OnCompleted(ClientRequest request, int error);
}

/// <summary>
/// One NBD command. Its owner creates it once and submits it again and again; the client allocates nothing for it. It belongs to one loop's thread,
/// and its fields are left alone from the submission to the completion.
/// </summary>
/// <param name="handler">Told when the request ends.</param>
public sealed class ClientRequest(IClientRequestHandler handler)
{
    // The queue of requests that are not on the wire yet runs through the requests themselves, so queueing allocates nothing.
    internal ClientRequest? NextQueued;
    internal bool IsSubmitted;

    // Somebody waits until the last byte has left; only on its way to the connection's thread.
    internal SendWait? Wait;

    /// <summary>Told when the request ends.</summary>
    public IClientRequestHandler Handler { get; } = handler;

    /// <summary>What is asked for; <see cref="NbdCommand.Disconnect"/> only through <see cref="NbdClient.Disconnect"/>.</summary>
    public NbdCommand Command { get; set; }

    /// <summary>Command flags such as FUA.</summary>
    public NbdCommandFlags Flags { get; set; }

    /// <summary>Byte offset in the export.</summary>
    public ulong Offset { get; set; }

    /// <summary>Bytes. A compact request carries 32 bits, an extended one 63, and reads and writes at most <see cref="NbdClient.MaxPayloadBytes"/>.</summary>
    public ulong Length { get; set; }

    /// <summary>The data of a WRITE, exactly <see cref="Length"/> bytes; sent from where it lies.</summary>
    public NativeSlice Payload { get; set; }

    /// <summary>Where the data of a READ goes, at least <see cref="Length"/> bytes; where it is empty, the data is received and dropped.</summary>
    public NativeSlice Destination { get; set; }

    /// <summary>
    /// Asked for the destination of a READ that has none once the reply's first data is there, on the thread that receives; null where data without a
    /// destination is dropped. Memory is then taken only while there is something in it, and what was used last is still in the CPU's cache.
    /// </summary>
    public IReadMemory? Memory { get; set; }

    /// <summary>Told what the server says beyond the request's end: holes, extents, the text of an error; null where nobody wants to know.</summary>
    public IClientChunkHandler? Chunks { get; set; }

    /// <summary>A number of the owner's, for example an index; the client does not look at it.</summary>
    public int Tag { get; set; }

    /// <summary>When it was submitted, on the loop's clock in nanoseconds. Within a completion this is the time of the batch that is being handled.</summary>
    public long SubmittedNs { get; internal set; }

    /// <summary>When its bytes were handed to a send, on the loop's clock in nanoseconds; 0 where that never happened.</summary>
    public long IssuedNs { get; internal set; }

    /// <summary>When its reply was taken from the kernel, on the loop's clock in nanoseconds: one reading for all replies of one receive.</summary>
    public long CompletedNs { get; internal set; }

    /// <summary>True from the submission until the handler is called.</summary>
    public bool IsPending => IsSubmitted;
}
