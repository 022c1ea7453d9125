using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>One request on its way through a file: one operation of the loop after the other until all of the range is done.</summary>
internal sealed class FileJob : IIoHandler
{
    // See FileStore.
    private const ulong LeastSparseReadBytes = 64 << 10;

    private readonly FileJobPool _pool;
    private readonly IoOperation _operation;
    private BlockRequest? _request;
    private PooledBuffer? _buffer;

    // Of a READ that has holes in it: where; made for the first of them.
    private ReadPieces? _pieces;

    // Of a WRITE: where it lies, or a copy of it at an address that O_DIRECT takes.
    private NativeSlice _data;
    private PooledBuffer? _aligned;
    private Way _way;
    private ulong _done;

    public FileJob(FileJobPool pool)
    {
        _pool = pool;
        _operation = new IoOperation(this);
    }

    /// <summary>How the job reaches its end; WRITE_ZEROES tries several, one after the other.</summary>
    private enum Way
    {
        Read,
        Write,
        Flush,
        ReadAhead,
        Punch,
        ZeroRange,
        WriteZeroes,
    }

    public FileJob? NextFree { get; set; }

    private FileStore Store => _pool.Store;

    private EventLoop Loop => _pool.Home.Loop;

    // A call takes so much at a time; the kernel itself reads less of it ahead.
    private uint ReadAheadBytes => (uint)Math.Min(_request!.Length - _done, 1u << 30);

    public void Start(BlockRequest request)
    {
        _request = request;
        _done = 0;
        switch (request.Command)
        {
            case NbdCommand.Read when IsHole(request):
                request.AddHole(request.Length);
                End(0);
                break;
            case NbdCommand.Read:
                _buffer = RentAligned(request);
                if (_pieces is not { HasHoles: true })
                {
                    request.AddData(_buffer.Slice, _buffer);
                }

                Go(Way.Read);
                break;
            case NbdCommand.Write:
                _data = request.Payload;
                if (((ulong)_data.Address & (Store.Alignment - 1)) != 0)
                {
                    Align(request);
                }

                Go(Way.Write);
                break;
            case NbdCommand.Cache:
                Go(Way.ReadAhead);
                break;
            case NbdCommand.Flush:
                Go(Way.Flush);
                break;
            case NbdCommand.Trim:
                StartTrim();
                break;
            case NbdCommand.WriteZeroes:
                TryZero(punch: (request.Flags & NbdCommandFlags.NoHole) == 0);
                break;
            case NbdCommand.BlockStatus:
                request.AddStatusOf(Store);
                End(0);
                break;
            default:
                End(Errno.EINVAL);
                break;
        }
    }

    /// <inheritdoc/>
    public void OnCompleted(IoOperation operation, int result)
    {
        if (result is -Errno.EINTR or -Errno.EAGAIN)
        {
            Continue();
            return;
        }

        switch (_way)
        {
            case Way.Read:
            case Way.Write:
            case Way.WriteZeroes:
                Advance(result);
                break;
            case Way.Punch:
            case Way.ZeroRange:
                AfterAllocate(-result);
                break;
            case Way.ReadAhead when result == 0:
                Advance((int)ReadAheadBytes);
                break;
            default:
                End(-result);
                break;
        }
    }

    /// <summary>True where all of a READ is a hole. Where parts of it are, the pieces say which.</summary>
    private bool IsHole(BlockRequest request)
    {
        if (!request.WantsHoles || request.Length < LeastSparseReadBytes)
        {
            return false;
        }

        _pieces ??= new ReadPieces();
        _pieces.AddAll(Store.Extents, request);
        return _pieces.IsHole;
    }

    private PooledBuffer RentAligned(BlockRequest request)
    {
        BufferPool buffers = _pool.Home.Buffers;
        return Store.Alignment == 1 ? buffers.Rent((int)request.Length) : buffers.RentAligned((int)request.Length, Store.Alignment);
    }

    /// <summary>The data came at an odd address, behind the header of its request.</summary>
    private void Align(BlockRequest request)
    {
        _aligned = RentAligned(request);
        _data.Span.CopyTo(_aligned.Slice.Span);
        _data = _aligned.Slice;
        Loop.Tally.BytesCopied += _data.Length;
    }

    private void StartTrim()
    {
        // TRIM is a hint: a file system that cannot punch holes has still done all that it can.
        if (Store.CannotPunch)
        {
            End(0);
        }
        else
        {
            Go(Way.Punch);
        }
    }

    private void TryZero(bool punch)
    {
        if (punch && !Store.CannotPunch)
        {
            Go(Way.Punch);
        }
        else if (!Store.CannotZeroRange)
        {
            Go(Way.ZeroRange);
        }
        else if ((_request!.Flags & NbdCommandFlags.FastZero) != 0)
        {
            End(Errno.EOPNOTSUPP);
        }
        else
        {
            Go(Way.WriteZeroes);
        }
    }

    private void AfterAllocate(int error)
    {
        if (error != Errno.EOPNOTSUPP)
        {
            Store.Extents.Forget(_request!.Offset, _request.Length);
            End(error);
            return;
        }

        Store.CannotPunch |= _way == Way.Punch;
        Store.CannotZeroRange |= _way == Way.ZeroRange;
        if (_request!.Command == NbdCommand.Trim)
        {
            End(0);
        }
        else
        {
            TryZero(punch: false);
        }
    }

    private void Advance(int result)
    {
        if (result <= 0)
        {
            // A read of nothing means that the file was cut short behind our back: what is missing must not reach the client as whatever the buffer held.
            End(result == 0 ? Errno.EIO : -result);
            return;
        }

        _done += (ulong)result;
        if (_done == _request!.Length)
        {
            End(0);
        }
        else
        {
            Continue();
        }
    }

    private void Go(Way way)
    {
        _way = way;
        Continue();
    }

    /// <summary>Asks for the rest.</summary>
    private void Continue()
    {
        BlockRequest request = _request!;
        long offset = (long)(request.Offset + _done);
        switch (_way)
        {
            case Way.Read:
                Loop.Read(_operation, Store.File, _buffer!.Slice.Slice((int)_done), offset);
                break;
            case Way.Write:
                Loop.Write(_operation, Store.File, _data.Slice((int)_done), offset);
                break;
            case Way.WriteZeroes:
                Loop.Write(_operation, Store.File, ZeroArea.Take((int)Math.Min(request.Length - _done, ZeroArea.Length)), offset);
                break;
            case Way.Flush:
                Loop.Flush(_operation, Store.File);
                break;
            case Way.ReadAhead:
                Loop.ReadAhead(_operation, Store.File.Fd, offset, ReadAheadBytes);
                break;
            default:
                AllocateMode mode = _way == Way.Punch ? AllocateMode.PunchHole : AllocateMode.ZeroRange;
                Loop.Allocate(_operation, Store.File.Fd, mode, offset, (long)request.Length);
                break;
        }
    }

    /// <summary>The whole range has been read in one go, which is cheaper than every piece of it by itself; the holes stay behind.</summary>
    private void AnswerWithHoles(BlockRequest request, int error)
    {
        if (error == 0)
        {
            _pieces!.Answer(request, _buffer!);
        }
        else
        {
            _buffer!.Release();
        }
    }

    private void End(int error)
    {
        BlockRequest request = _request!;
        if (_pieces is { HasHoles: true } && _buffer is not null)
        {
            AnswerWithHoles(request, error);
        }

        _pieces?.Clear();
        _request = null;
        _buffer = null;
        _data = default;
        _aligned?.Release();
        _aligned = null;
        _pool.Return(this);
        request.Complete(error);
    }
}
