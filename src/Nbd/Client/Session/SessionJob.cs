using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// One request of a session on its way: it outlives connections, while what is submitted to a client does not. Pooled; the caller's own request is not touched
/// by any connection. Belongs to the loop's thread.
/// </summary>
internal sealed class SessionJob : IClientRequestHandler, IClientChunkHandler, IReadMemory
{
    private readonly NbdSession _session;
    private readonly ClientRequest _wire;
    private ClientRequest? _request;
    private SessionLink? _link;

    public SessionJob(NbdSession session)
    {
        _session = session;
        _wire = new ClientRequest(this);
    }

    /// <summary>The next in the queue that it waits in.</summary>
    public SessionJob? Next { get; set; }

    /// <summary>How often it was sent again.</summary>
    public int Reissues { get; set; }

    /// <summary>Of a FLUSH: the changes that it covers.</summary>
    public long Covers { get; private set; }

    /// <summary>What it ends with, where it waits to be told.</summary>
    public int Error { get; set; }

    /// <summary>What there is to say of that.</summary>
    public string? Text { get; set; }

    /// <summary>The caller's.</summary>
    public ClientRequest Request => _request!;

    public bool IsChange => Request.Command is NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes;

    public void Take(ClientRequest request)
    {
        _request = request;
        Reissues = 0;
        Error = 0;
    }

    /// <summary>The caller's request is told, and may come again at once.</summary>
    public ClientRequest Leave()
    {
        ClientRequest request = Request;
        _request = null;
        _wire.Payload = default;
        _wire.Destination = default;
        return request;
    }

    /// <summary>Sends it by a connection.</summary>
    /// <exception cref="ArgumentException">It does not fit.</exception>
    public void Submit(SessionLink link)
    {
        ClientRequest request = Request;
        _wire.Command = request.Command;
        _wire.Flags = request.Flags;
        _wire.Offset = request.Offset;
        _wire.Length = request.Length;
        _wire.Payload = request.Payload;
        _wire.Destination = request.Destination;
        _wire.Memory = request.Memory is null ? null : this;
        _wire.Chunks = request.Chunks is null ? null : this;
        Covers = _session.Durability.Changes;
        link.Client.Submit(_wire);
        _link = link;
        link.Outstanding++;
    }

    public void OnCompleted(ClientRequest wire, int error)
    {
        SessionLink link = _link!;
        _link = null;
        link.Outstanding--;
        Request.IssuedNs = wire.IssuedNs;
        Request.CompletedNs = wire.CompletedNs;
        if (error != 0 && (link.Client.IsOver || error == Errno.ESHUTDOWN))
        {
            link.Interrupted(this, error);
        }
        else
        {
            _session.Answered(this, error);
        }
    }

    // What a connection that broke had begun to fill is filled by the next.
    public NativeSlice MemoryFor(ClientRequest request) => Request.Destination = Request.Memory!.MemoryFor(Request);

    public void OnData(ClientRequest request, ulong offset, ulong length) => Request.Chunks?.OnData(Request, offset, length);

    public void OnHole(ClientRequest request, ulong offset, ulong length) => Request.Chunks?.OnHole(Request, offset, length);

    public void OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags) =>
        Request.Chunks?.OnExtent(Request, in context, length, flags);

    public void OnError(ClientRequest request, int error, ulong? offset, string text) => Request.Chunks?.OnError(Request, error, offset, text);
}

/// <summary>Jobs that wait, first in, first out, linked through themselves.</summary>
internal struct JobQueue
{
    private SessionJob? _tail;

    public SessionJob? Head { get; private set; }

    public void Enqueue(SessionJob job)
    {
        if (_tail is null)
        {
            Head = job;
        }
        else
        {
            _tail.Next = job;
        }

        _tail = job;
    }

    public bool TryDequeue(out SessionJob job)
    {
        job = Head!;
        if (Head is null)
        {
            return false;
        }

        Head = job.Next;
        _tail = Head is null ? null : _tail;
        job.Next = null;
        return true;
    }
}
