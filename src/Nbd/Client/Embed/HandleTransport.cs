using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// The transport of an <see cref="NbdHandle"/>: counts its sends, so that a request can be seen to have left; and where the handle is watched, measures what
/// each call takes.
/// </summary>
internal sealed class HandleTransport(ITransport inner, NbdHandle handle, CallWatch? watch) : ITransport
{
    private IoOperation? _closing;

    public EventLoop Loop => inner.Loop;

    public string Peer => inner.Peer;

    /// <summary>How many sends have begun; the rest of one that was cut is not another.</summary>
    public long Batches { get; private set; }

    public void Receive(IoOperation operation, NativeSlice into)
    {
        using CallScope scope = CallWatch.Enter(watch, "NbdHandle: receive");
        inner.Receive(operation, into);
    }

    public void WaitReadable(IoOperation operation) => inner.WaitReadable(operation);

    public void Send(IoOperation operation, SendVector vector)
    {
        if (handle.WriteState == WriteState.Sending)
        {
            handle.BatchBegins(++Batches);
        }

        using CallScope scope = CallWatch.Enter(watch, "NbdHandle: send");
        inner.Send(operation, vector);
    }

    public void Close(IoOperation operation)
    {
        if (!handle.IsIssuing)
        {
            inner.Close(operation);
            return;
        }

        // The close ends every request, and none may end within the call that issues it.
        _closing = operation;
        Loop.Post(CloseNow);
    }

    public void Cancel(IoOperation operation) => inner.Cancel(operation);

    private void CloseNow() => inner.Close(_closing!);
}
