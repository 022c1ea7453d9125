using Harness.Io;

namespace Harness.Nbd;

/// <summary>The bytes as they are, over a connected socket.</summary>
/// <param name="loop">The loop whose thread uses it.</param>
/// <param name="fd">A connected stream socket; the transport closes it.</param>
/// <param name="peer">What is at the other end, for messages.</param>
public sealed class PlainTransport(EventLoop loop, int fd, string peer) : ITransport
{
    /// <inheritdoc/>
    public EventLoop Loop { get; } = loop;

    /// <inheritdoc/>
    public string Peer { get; } = peer;

    /// <summary>
    /// The same stream on another loop, through a descriptor of its own (dup(2)), so that two threads can each drive one side of it: one sends, the other
    /// receives. Each is closed by itself; the first that is closed ends the stream for both.
    /// </summary>
    /// <param name="other">The loop whose thread will use it. The calling thread may be this transport's.</param>
    /// <exception cref="IoException">No descriptor is left.</exception>
    public PlainTransport Duplicate(EventLoop other) => new(other, Sockets.Duplicate(fd), Peer);

    /// <inheritdoc/>
    public void Receive(IoOperation operation, NativeSlice into) => Loop.Receive(operation, fd, into);

    /// <inheritdoc/>
    public void WaitReadable(IoOperation operation) => Loop.WaitReadable(operation, fd);

    /// <inheritdoc/>
    public void Send(IoOperation operation, SendVector vector) => Loop.Send(operation, fd, vector);

    /// <inheritdoc/>
    public void Close(IoOperation operation) => Loop.Close(operation, fd);

    /// <inheritdoc/>
    public void Cancel(IoOperation operation) => Loop.Cancel(operation);
}
