using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// One request on its way to another server and back: begun on the thread of the request's own loop, asked on that of the connection's, and completed
/// on its own again; most often these are one. Pooled by its own loop.
/// </summary>
internal sealed class UpstreamJob : LoopWork, IClientRequestHandler, IClientChunkHandler
{
    // What fits 32 bits, whatever the block size.
    private const ulong MaxCompactBytes = uint.MaxValue & ~(Limits.MaxMinimumBlockBytes - 1);

    private readonly Upstream _home;
    private readonly ClientRequest _asked;
    private readonly ReadPieces _pieces = new();
    private StatusList? _status;
    private Upstream _owner;
    private UpstreamLink? _link;
    private BlockRequest? _request;
    private PooledBuffer? _buffer;
    private ulong _done;
    private ulong _errorOffset;
    private long _changes;
    private int _error;
    private bool _isOver;

    public UpstreamJob(Upstream home)
    {
        _home = home;
        _owner = home;
        _asked = new ClientRequest(this) { Chunks = this };
    }

    /// <summary>For who lets it wait: the next in line.</summary>
    public UpstreamJob? NextWaiting { get; set; }

    /// <summary>For who lets it wait: until when, on the loop's clock.</summary>
    public long DueNs { get; set; }

    private BlockRequest Request => _request!;

    /// <summary>Begins. On the request's own loop.</summary>
    public void Start(BlockRequest request)
    {
        _request = request;
        _done = 0;
        _error = 0;
        _errorOffset = ulong.MaxValue;
        _isOver = false;
        _changes = request.Command == NbdCommand.Flush ? _home.Store.ChangesNow : 0;
        if (request.Command == NbdCommand.Read)
        {
            _buffer = _home.Home.Buffers.Rent((int)request.Length);
        }

        _owner = _home.Store.OwnerFor(_home);
        if (_owner == _home)
        {
            _owner.Take(this);
        }
        else
        {
            _owner.Home.Loop.Post(this);
        }
    }

    /// <summary>Asks for the rest, by a connection that is ready. On the connection's loop.</summary>
    public void Submit(UpstreamLink link)
    {
        _link = link;
        NbdClient client = link.Client;
        if (Request.Command == NbdCommand.BlockStatus && client.MetaContexts.Count == 0)
        {
            // Nothing is known, which is what an empty answer says.
            End(0);
            return;
        }

        ulong left = Request.Length - _done;
        _asked.Command = Request.Command;
        _asked.Flags = Request.Flags & FlagsFor(Request.Command, client);
        _asked.Offset = Request.Offset + _done;
        _asked.Length = client.Replies == ReplyForm.Extended ? left : Math.Min(left, MaxCompactBytes);
        _asked.Payload = Request.Payload;
        _asked.Destination = _buffer is null ? default : _buffer.Slice;
        client.Submit(_asked);
    }

    /// <summary>It is over. On the connection's loop.</summary>
    public void End(int error)
    {
        _error = error;
        _isOver = true;
        _link = null;
        if (_owner == _home)
        {
            Finish();
        }
        else
        {
            _home.Home.Loop.Post(this);
        }
    }

    /// <inheritdoc/>
    public void OnCompleted(ClientRequest request, int error)
    {
        UpstreamLink link = _link!;
        if (error == 0)
        {
            _done += request.Length;
            Count(request);
        }

        if (error != 0 && !link.Client.IsReady)
        {
            link.Broke(this);
        }
        else if (error == 0 && _done < Request.Length && Request.Command is NbdCommand.Trim or NbdCommand.WriteZeroes or NbdCommand.Cache)
        {
            _owner.Take(this);
        }
        else
        {
            // The server behind us ends; that is no reason for our clients to leave us, as they would.
            End(error == Errno.ESHUTDOWN ? Errno.EIO : error);
        }
    }

    /// <inheritdoc/>
    public void OnData(ClientRequest request, ulong offset, ulong length) => _pieces.Add(offset - request.Offset, length, isHole: false);

    /// <inheritdoc/>
    public void OnHole(ClientRequest request, ulong offset, ulong length) => _pieces.Add(offset - request.Offset, length, isHole: true);

    /// <inheritdoc/>
    public void OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags)
    {
        // The last one may reach beyond the range.
        _status ??= new StatusList();
        ExtentState state = (ExtentState)(int)(flags & (ulong)(ExtentState.Hole | ExtentState.Zero));
        _status.TryAdd(Math.Min(length, Request.Length - _status.Bytes), state, BlockRequest.MaxStatusExtents);
    }

    /// <inheritdoc/>
    public void OnError(ClientRequest request, int error, ulong? offset, string text) => _errorOffset = offset ?? _errorOffset;

    /// <summary>Posted: to the connection's loop at the beginning, to its own at the end.</summary>
    protected override void Run()
    {
        if (_isOver)
        {
            Finish();
        }
        else
        {
            _owner.Take(this);
        }
    }

    private static NbdCommandFlags FlagsFor(NbdCommand command, NbdClient client)
    {
        NbdCommandFlags fua = (client.Export.Flags & TransmissionFlags.SendFua) != 0 ? NbdCommandFlags.Fua : 0;
        return command switch
        {
            NbdCommand.Write or NbdCommand.Trim => fua,
            NbdCommand.WriteZeroes => fua | NbdCommandFlags.NoHole | NbdCommandFlags.FastZero,
            NbdCommand.BlockStatus => NbdCommandFlags.ReqOne,
            _ => NbdCommandFlags.None,
        };
    }

    /// <summary>Answers. On the request's own loop.</summary>
    private void Finish()
    {
        BlockRequest request = Request;
        int error = _error;
        if (error == 0)
        {
            Answer(request);
        }
        else
        {
            request.ErrorOffset = _errorOffset;
            _buffer?.Release();
        }

        _request = null;
        _buffer = null;
        _pieces.Clear();
        _status?.Clear();
        _home.Return(this);
        request.Complete(error);
    }

    private void Answer(BlockRequest request)
    {
        switch (request.Command)
        {
            case NbdCommand.Read:
                _pieces.Answer(request, _buffer!);
                break;
            case NbdCommand.BlockStatus when _status is not null:
                foreach (BlockExtent extent in _status.Extents)
                {
                    request.AddStatus(extent.Length, extent.State);
                }

                break;
        }
    }

    /// <summary>Which changes a broken connection might lose. Here, before anything else is heard of the connection.</summary>
    private void Count(ClientRequest request)
    {
        if (request.Command == NbdCommand.Flush)
        {
            _home.Store.Flushed(_changes);
        }
        else if (request.Command is NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes && (request.Flags & NbdCommandFlags.Fua) == 0)
        {
            _home.Store.Changed();
        }
    }
}
