using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// One request of an <see cref="NbdDisk"/> as a task. The data passes through a buffer of its own, so that a caller who cancels has its memory back at once,
/// while the request may still be in flight.
/// </summary>
internal sealed class DiskCall : LoopWork, IClientRequestHandler, IClientChunkHandler
{
    // Who may touch the caller's memory: nobody, or for a moment the loop, or nobody any more.
    private const int Idle = 0;
    private const int Copying = 1;
    private const int Over = 2;

    private readonly NbdDisk _disk;
    private readonly TaskCompletionSource<IReadOnlyList<NbdExtent>> _task = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClientRequest _request;
    private readonly Memory<byte> _into;
    private readonly ReadOnlyMemory<byte> _from;
    private readonly CancellationToken _cancel;
    private CancellationTokenRegistration _registration;
    private List<NbdExtent>? _extents;
    private PooledBuffer? _buffer;
    private ulong _at;
    private string _text = string.Empty;
    private int _state;

    public DiskCall(NbdDisk disk, NbdCommand command, NbdCommandFlags flags, ulong offset, ulong length, CancellationToken cancel)
    {
        _disk = disk;
        _cancel = cancel;
        _request = new ClientRequest(this) { Command = command, Flags = flags, Offset = offset, Length = length, Chunks = this };
    }

    /// <summary>Where the data of a READ goes.</summary>
    public Memory<byte> Into
    {
        init => _into = value;
    }

    /// <summary>The data of a WRITE.</summary>
    public ReadOnlyMemory<byte> From
    {
        init => _from = value;
    }

    /// <summary>Hands it to the loop. Any thread may call it, once.</summary>
    /// <returns>The extents of a BLOCK_STATUS, otherwise an empty list.</returns>
    public Task<IReadOnlyList<NbdExtent>> Start()
    {
        if (_cancel.CanBeCanceled)
        {
            _registration = _cancel.UnsafeRegister(static call => ((DiskCall)call!).Cancel(), this);
        }

        _disk.Loop.Post(this);
        return _task.Task;
    }

    public void OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags)
    {
        ulong end = request.Offset + request.Length;
        if (context.Name != MetaContext.Allocation || _at >= end)
        {
            return;
        }

        // The last one may reach beyond what was asked for.
        length = Math.Min(length, end - _at);
        (_extents ??= []).Add(new NbdExtent(_at, length, (AllocationFlags)(uint)flags & (AllocationFlags.Hole | AllocationFlags.Zero)));
        _at += length;
    }

    public void OnError(ClientRequest request, int error, ulong? offset, string text) => _text = text.Length == 0 ? string.Empty : $": {text}";

    public void OnReissued(ClientRequest request)
    {
        _extents?.Clear();
        _at = request.Offset;
    }

    public void OnCompleted(ClientRequest request, int error)
    {
        if (Begin())
        {
            if (error == 0 && request.Command == NbdCommand.Read)
            {
                _buffer!.Slice.Span.CopyTo(_into.Span);
            }

            End(error);
        }

        _buffer?.Release();
        _buffer = null;

        // Not Dispose, which would wait for a callback that is running.
        _registration.Unregister();
    }

    /// <summary>On the loop's thread: copies what is to be written, and submits.</summary>
    protected override void Run()
    {
        if (!Begin())
        {
            return;
        }

        _at = _request.Offset;
        int length = (int)_request.Length;
        if (_request.Command == NbdCommand.Read)
        {
            _buffer = _disk.Buffers.Rent(length);
            _request.Destination = _buffer.Slice;
        }
        else if (_request.Command == NbdCommand.Write)
        {
            _buffer = _disk.Buffers.Rent(length);
            _from.Span.CopyTo(_buffer.Slice.Span);
            _request.Payload = _buffer.Slice;
        }

        Volatile.Write(ref _state, Idle);
        try
        {
            _disk.Session.Submit(_request);
        }
        catch (ArgumentException)
        {
            OnCompleted(_request, Errno.EINVAL);
        }
    }

    private bool Begin() => Interlocked.CompareExchange(ref _state, Copying, Idle) == Idle;

    private void End(int error)
    {
        Volatile.Write(ref _state, Over);
        if (error == 0)
        {
            _task.TrySetResult(_extents is null ? [] : _extents);
            return;
        }

        string what = _request.Command == NbdCommand.Flush ? "FLUSH" : $"{_request.Command.Text()} of {_request.Length} bytes at {_request.Offset}";
        _task.TrySetException(new NbdClientException(error, $"{what} failed: {ErrnoText.Of(error)}{_text}"));
    }

    private void Cancel()
    {
        var spin = default(SpinWait);
        int seen;
        while ((seen = Interlocked.CompareExchange(ref _state, Over, Idle)) == Copying)
        {
            spin.SpinOnce();
        }

        if (seen == Idle)
        {
            _task.TrySetCanceled(_cancel);
        }
    }
}
