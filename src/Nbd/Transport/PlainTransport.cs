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
