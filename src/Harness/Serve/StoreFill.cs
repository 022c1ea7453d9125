using Harness.Io;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>
/// Writes every byte of a store once before it is served, so that no read finds memory that is not there yet: the kernel answers reads of untouched pages from
/// one page of zeroes, which never leaves the CPU's cache.
/// </summary>
internal sealed class StoreFill : IBlockRequestOwner, IDisposable
{
    private const int PieceBytes = 1 << 20;

    // Any byte but zero, which a store might drop.
    private const byte Value = 3;

    private readonly BlockGraph _graph;
    private readonly BlockLoop _loop;
    private readonly NativeBuffer _piece = new(PieceBytes, alignment: 4096);
    private readonly ManualResetEventSlim _done = new();
    private readonly Action _next;
    private ulong _offset;
    private int _error;

    private StoreFill(BlockGraph graph, EventLoop loop)
    {
        _graph = graph;
        _loop = new BlockLoop(loop, index: 0);
        _next = Next;
        _piece.Whole.Span.Fill(Value);
    }

    /// <summary>Fills; returns when all of it is written.</summary>
    /// <param name="graph">What is to be served.</param>
    /// <param name="loop">A loop that runs, on whose thread the store is asked.</param>
    /// <exception cref="HarnessException">The store cannot be opened or written.</exception>
    public static void Run(BlockGraph graph, EventLoop loop)
    {
        try
        {
            graph.Open();
        }
        catch (IOException e)
        {
            throw new HarnessException(ExitCode.Failed, $"--fill: {e.Message}", e);
        }

        using var fill = new StoreFill(graph, loop);
        loop.Post(fill._next);
        fill._done.Wait();
        if (fill._error != 0)
        {
            throw new HarnessException(ExitCode.Failed, $"--fill: a write at {fill._offset} of {graph.Describe()} failed: {ErrnoText.Of(fill._error)}");
        }
    }

    public void OnRequestCompleted(BlockRequest request)
    {
        (_error, ulong length) = (request.Error, request.Length);
        request.Release();
        if (_error == 0)
        {
            _offset += length;
            // Posted, since a store may complete within the start, and each would be one call deeper than the last.
            _loop.Loop.Post(_next);
        }
        else
        {
            _done.Set();
        }
    }

    public void Dispose()
    {
        _piece.Dispose();
        _done.Dispose();
    }

    private void Next()
    {
        if (_offset == _graph.Size)
        {
            _loop.Dispose();
            _done.Set();
            return;
        }

        BlockRequest request = _loop.Rent(this);
        request.Command = NbdCommand.Write;
        request.Flags = default;
        request.Offset = _offset;
        request.Length = Math.Min(PieceBytes, _graph.Size - _offset);
        request.Payload = _piece.Slice(0, (int)request.Length);
        _graph.Start(request);
    }
}
