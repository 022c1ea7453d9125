using Harness.Io;
using Harness.Nbd;

namespace Harness.Load;

/// <summary>One of the requests that a connection keeps in flight. Made once per run.</summary>
internal sealed class LoadSlot : IClientRequestHandler, IReadMemory
{
    private readonly LoadSession _session;
    private readonly LoadMemory _memory;

    /// <param name="session">Told of each end.</param>
    /// <param name="connection">Which it is sent over.</param>
    /// <param name="memory">For the data of its requests.</param>
    /// <param name="requestBytes">Of each request, unless sizes are mixed.</param>
    public LoadSlot(LoadSession session, LoadConnection connection, LoadMemory memory, int requestBytes)
    {
        _session = session;
        _memory = memory;
        Connection = connection;
        Request = new ClientRequest(this) { Length = (ulong)requestBytes, Memory = this };
    }

    public LoadConnection Connection { get; }
    public ClientRequest Request { get; }
    public ulong Block { get; set; }

    /// <summary>The memory of the request that is in flight; empty while a READ's data has not come.</summary>
    public NativeSlice Data { get; private set; }

    /// <summary>When the request was to be sent, on the loop's clock: its place in the schedule or, closed loop, the moment of its submission.</summary>
    public long IntendedNs { get; set; }

    /// <summary>Closed loop with a think time: when the next request is to be issued.</summary>
    public LoopTimer? Thought { get; set; }

    public bool IsWrite => Request.Command == NbdCommand.Write;

    /// <summary>The next request is a READ, whose memory is taken when its data comes.</summary>
    public void AimRead()
    {
        Request.Command = NbdCommand.Read;
        Request.Payload = default;
        Request.Destination = default;
    }

    /// <summary>The next request is a WRITE of <see cref="Data"/>.</summary>
    public void AimWrite()
    {
        Data = _memory.Take();
        Request.Command = NbdCommand.Write;
        Request.Payload = Data.Slice(0, (int)Request.Length);
        Request.Destination = default;
    }

    public NativeSlice MemoryFor(ClientRequest request) => Data = _memory.Take();

    public void OnCompleted(ClientRequest request, int error) => _session.Completed(this, error);

    /// <summary>Nobody looks at the data of the request that has ended any more.</summary>
    public void Release()
    {
        if (!Data.IsEmpty)
        {
            _memory.GiveBack(Data);
            Data = default;
        }
    }
}
