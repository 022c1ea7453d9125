using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// A block whose store is written as plain calls. They are made on a few threads of its own, of which there are never more than a bound; requests that come
/// while all are at work wait in line, in flight like others, so that a drain waits for them too. The event loops wait for nothing.
/// </summary>
public sealed class SynchronousBlock : IBlock
{
    /// <summary>Threads at most, unless something else is said.</summary>
    public const int DefaultThreads = 16;

    // No errno of the kernel is larger.
    private const int MaxErrno = 4095;

    private readonly ISynchronousStore _store;
    private readonly WorkerThreads<BlockRequest> _threads;

    /// <summary>Makes a block of a store, which it owns from now on.</summary>
    /// <param name="store">The store.</param>
    /// <param name="threads">Threads at most, and so calls at one time; a store whose <see cref="ISynchronousStore.ThreadModel"/> allows fewer gets fewer.</param>
    public SynchronousBlock(ISynchronousStore store, int threads = DefaultThreads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _store = store;
        _threads = new WorkerThreads<BlockRequest>(threads, $"harness-{store.Name}", Serve);
    }

    /// <inheritdoc/>
    public string Name => _store.Name;

    /// <inheritdoc/>
    public ulong Size => _store.Size;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => _store.Capabilities;

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints => _store.Constraints;

    /// <inheritdoc/>
    public ThreadModel ThreadModel => _store.ThreadModel;

    /// <inheritdoc/>
    public string Describe() => _store.Describe();

    /// <inheritdoc/>
    public void Open() => _store.Open();

    /// <inheritdoc/>
    public void Start(BlockRequest request)
    {
        // What belongs to the loop is taken on its thread; from then on until the completion the request is the worker's.
        if (request.Command == NbdCommand.Read)
        {
            PooledBuffer buffer = request.Home.Buffers.Rent((int)request.Length);
            request.AddData(buffer.Slice, buffer);
        }
        else if (request.Command == NbdCommand.BlockStatus)
        {
            request.BeginStatus();
        }

        _threads.Submit(request);
    }

    /// <summary>Ends the threads, then the store. Nothing may be in flight.</summary>
    public void Dispose()
    {
        _threads.Dispose();
        _store.Dispose();
    }

    private void Serve(BlockRequest request) => request.Complete(Call(request));

    private int Call(BlockRequest request)
    {
        try
        {
            return request.Command switch
            {
                NbdCommand.Read => _store.Read(request.Offset, request.Extents[0].Data.Span),
                NbdCommand.Write => _store.Write(request.Offset, request.Payload.Span, request.Flags),
                NbdCommand.Flush => _store.Flush(),
                NbdCommand.Trim => _store.Trim(request.Offset, request.Length, request.Flags),
                NbdCommand.WriteZeroes => _store.WriteZeroes(request.Offset, request.Length, request.Flags),
                NbdCommand.Cache => _store.Cache(request.Offset, request.Length),
                NbdCommand.BlockStatus => Tell(request),
                _ => Errno.EINVAL,
            };
        }
        catch (Exception e)
        {
            return ErrorOf(e, request);
        }
    }

    private int Tell(BlockRequest request)
    {
        ulong at = request.Offset;
        ulong end = request.Offset + request.Length;
        BlockExtent extent;
        do
        {
            extent = _store.ExtentAt(at, end - at);
            at += extent.Length;
        }
        while (request.AddStatus(extent.Length, extent.State) && extent.Length > 0);
        return 0;
    }

    /// <summary>
    /// Whatever a store throws ends the request that it was called for, and nothing else. Where no errno says what was wrong, the log does.
    /// </summary>
    private static int ErrorOf(Exception thrown, BlockRequest request)
    {
        switch (thrown)
        {
            case IoException e:
                return e.Errno;
            case OutOfMemoryException:
                return Errno.ENOMEM;
            case IOException { HResult: > 0 and <= MaxErrno and int errno }:
                // The runtime puts the system's errno there.
                return errno;
            default:
                request.Home.Log($"{request.Text()} threw {thrown.GetType().Name}: {thrown.Message.ReplaceLineEndings(" ")}");
                return Errno.EIO;
        }
    }
}
