using Harness.Io;
using Harness.Nbd;

namespace Harness.Load;

/// <summary>One of the requests that a connection keeps in flight, with its memory. Made once per run.</summary>
internal sealed class LoadSlot : IClientRequestHandler
{
    private readonly LoadSession _session;

    public LoadSlot(LoadSession session, LoadConnection connection, NativeSlice buffer)
    {
        _session = session;
        Connection = connection;
        Buffer = buffer;
        Request = new ClientRequest(this) { Length = (ulong)buffer.Length };
    }

    public LoadConnection Connection { get; }
    public NativeSlice Buffer { get; }
    public ClientRequest Request { get; }
    public ulong Block { get; set; }

    /// <summary>When the request was to be sent, on the loop's clock: its place in the schedule or, closed loop, the moment of its submission.</summary>
    public long IntendedNs { get; set; }


    /// <summary>Closed loop with a think time: when the next request is to be issued.</summary>
    public LoopTimer? Thought { get; set; }

    public bool IsWrite => Request.Command == NbdCommand.Write;

    public void OnCompleted(ClientRequest request, int error) => _session.Completed(this, error);
}
