using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Reads from a block before anything is served, for filters that must look at what is behind them to know their size. It has a loop of its own, on the calling
/// thread, and waits for each answer. The block has to be open. No drain holds up its requests: they only read, and the change of the graph that makes the
/// filter is the only one at that time.
/// </summary>
internal sealed class BlockPeek : IBlockRequestOwner, IDisposable
{
    // Every kernel has it, and a ring may be refused.
    private const string Backend = "poll";

    private readonly EventLoop _loop = new(LoopBackends.Create(Backend));
    private readonly BlockGraph _graph;
    private readonly BlockLoop _home;
    private byte[] _answer = [];
    private int _error;
    private bool _done;

    public BlockPeek(IBlock block)
    {
        _graph = new BlockGraph(block, readOnly: true, joins: false);
        _home = new BlockLoop(_loop, BlockLoop.MaxLoops - 1);
    }

    /// <summary>Reads; returns when it is there.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes; no more than one request may have, and not beyond the end.</param>
    /// <exception cref="BlockException">The block answers with an error.</exception>
    public byte[] Read(ulong offset, int length)
    {
        BlockRequest request = _home.Rent(this);
        request.Command = NbdCommand.Read;
        request.Flags = NbdCommandFlags.None;
        request.Offset = offset;
        request.Length = (ulong)length;
        _done = false;
        _graph.Start(request);
        while (!_done)
        {
            _loop.RunOnce();
        }

        return _error == 0 ? _answer : throw new BlockException($"reading {length} bytes at {offset} of {_graph.Describe()} failed: {ErrnoText.Of(_error)}");
    }

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest request)
    {
        _error = request.Error;
        if (_error == 0)
        {
            _answer = new byte[request.Length];
            request.CopyAnswerTo(_answer);
        }

        request.Release();
        _done = true;
    }

    /// <summary>Ends the loop.</summary>
    public void Dispose()
    {
        _home.Dispose();
        _loop.Dispose();
    }
}
