using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A reliable stream of bytes between a server and a client, as completions on one loop. Plain sockets here; a transport that encrypts, or one in a
/// test that cuts the stream at any byte, takes its place without either side noticing. At most one receive and one send are in flight at a time.
/// Every operation completes exactly once, on the loop's thread, never from inside the call. All members are for the loop's thread.
/// </summary>
public interface ITransport
{
    /// <summary>The loop that the stream lives on.</summary>
    EventLoop Loop { get; }

    /// <summary>For messages: what is at the other end, for example <c>unix:/tmp/s</c> or <c>127.0.0.1:4711</c>.</summary>
    string Peer { get; }

    /// <summary>Completes with 1 or more bytes, 0 at the end of the stream, or a negated errno.</summary>
    void Receive(IoOperation operation, NativeSlice into);

    /// <summary>
    /// Completes with 0 once a receive would find something, or with a negated errno; needs no memory while it waits. In place of a receive, not beside one.
    /// It may be wrong now and then: the receive that follows then waits.
    /// </summary>
    void WaitReadable(IoOperation operation);

    /// <summary>Sends from the front of the vector; completes with the bytes taken, which may be fewer, or a negated errno.</summary>
    void Send(IoOperation operation, SendVector vector);

    /// <summary>Ends what is pending with -ECANCELED, each exactly once, then closes the stream and completes with 0.</summary>
    void Close(IoOperation operation);

    /// <summary>Asks for an early end of a pending operation with -ECANCELED, unless it has won the race.</summary>
    void Cancel(IoOperation operation);
}
