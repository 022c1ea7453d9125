using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// What the block graph keeps for one event loop: its requests, its buffers and its number. Everything in it belongs to that loop's thread, so nothing here
/// takes a lock.
/// </summary>
/// <param name="loop">The loop.</param>
/// <param name="index">Its number among the loops of the server, 0 to <see cref="MaxLoops"/> - 1.</param>
public sealed class BlockLoop(EventLoop loop, int index) : IDisposable
{
    /// <summary>The most loops that a server can have: blocks keep their per-loop state in arrays of this length.</summary>
    public const int MaxLoops = 1024;

    // Every request that this loop ever made: what was never completed is looked for here.
    private readonly List<BlockRequest> _all = [];
    private readonly List<IDisposable> _atEnd = [];
    private readonly Lock _postLock = new();
    private BlockRequest? _free;
    private bool _hasEnded;

    /// <summary>The loop.</summary>
    public EventLoop Loop { get; } = loop;

    /// <summary>Its number among the loops of the server.</summary>
    public int Index { get; } = index is >= 0 and < MaxLoops
        ? index
        : throw new ArgumentOutOfRangeException(nameof(index), $"a server has at most {MaxLoops} loops");

    /// <summary>Takes a line that is worth knowing, such as that a block has lost the server behind it. Any thread.</summary>
    public Action<string> Log { get; init; } = _ => { };

    /// <summary>Memory for payloads and for data read from files.</summary>
    public BufferPool Buffers { get; } = new();

    /// <summary>For the answers to BLOCK_STATUS.</summary>
    internal StatusLists StatusLists { get; } = new();

    /// <summary>For the answers to a READ that have holes in them.</summary>
    internal SharedLeases SharedLeases { get; } = new();

    /// <summary>Requests rented and not released, those that filters make of others not among them.</summary>
    public int RequestsInUse { get; private set; }

    /// <summary>Requests that filters have made of others and not released.</summary>
    public int ChildrenInUse { get; private set; }

    /// <summary>A request to fill in and to start.</summary>
    public BlockRequest Rent(IBlockRequestOwner owner)
    {
        RequestsInUse++;
        return Take(owner);
    }

    /// <summary>
    /// For the log of a server that could not drain: each request that a block was given and has not completed, and by which block. One that waits for its
    /// children is not named, for they are. On the loop's thread.
    /// </summary>
    public IEnumerable<string> DescribeUnfinished() => Unfinished().Select(request => request.Text());

    /// <summary>What a block keeps for this loop and must end with it, such as a connection. On the loop's thread.</summary>
    /// <param name="what">Disposed of on the loop's thread, after the last request; it may run the loop from within.</param>
    public void AtEnd(IDisposable what) => _atEnd.Add(what);

    /// <summary>Ends what blocks keep here and frees the buffers. On the loop's thread, after the last request.</summary>
    public void Dispose()
    {
        _atEnd.ForEach(what => what.Dispose());
        _atEnd.Clear();
        Buffers.Dispose();
    }

    /// <summary>
    /// Has something done on the loop's thread, soon; where the loop has ended, and so has nothing in flight, by the caller at once. Any thread.
    /// </summary>
    internal void Post(Action action)
    {
        lock (_postLock)
        {
            if (!_hasEnded)
            {
                Loop.Post(action);
                return;
            }
        }

        action();
    }

    /// <summary>The loop will not run any more. On its thread: what was posted until now is done here.</summary>
    internal void EndPosts()
    {
        lock (_postLock)
        {
            _hasEnded = true;
        }

        Loop.RunOnceWithoutSleep();
    }

    /// <summary>Every request that the loop ever made, in use or not. On the loop's thread.</summary>
    internal IReadOnlyList<BlockRequest> All => _all;

    /// <summary>Those that a block was given and has not completed; one that waits for its children is not among them, for they are.</summary>
    internal IEnumerable<BlockRequest> Unfinished()
    {
        HashSet<BlockRequest> waiting = [.. _all.Where(request => request.IsStarted && request.Parent is not null).Select(request => request.Parent!)];

        // Those last that wait for their turn: they wait for one of the others.
        return _all.Where(request => request.IsStarted && !waiting.Contains(request)).OrderBy(request => request.TakesTurns);
    }

    internal BlockRequest RentChild(IBlockRequestOwner owner)
    {
        ChildrenInUse++;
        return Take(owner);
    }

    internal void Return(BlockRequest request)
    {
        Put(request);
        RequestsInUse--;
    }

    internal void ReturnChild(BlockRequest request)
    {
        Put(request);
        ChildrenInUse--;
    }

    private BlockRequest Take(IBlockRequestOwner owner)
    {
        BlockRequest request = _free ?? Make();
        _free = request.Next;
        request.Next = null;
        request.Owner = owner;
        request.MarkRented();
        return request;
    }

    private BlockRequest Make()
    {
        var request = new BlockRequest(this);
        _all.Add(request);
        return request;
    }

    private void Put(BlockRequest request)
    {
        request.Next = _free;
        _free = request;
    }
}

/// <summary>
/// How many requests one loop has in flight in one graph, from the start until the last byte of the reply has been sent. Written by that loop's thread only;
/// a drain is posted to each loop and looks there.
/// </summary>
public sealed class InFlightCount
{
    /// <summary>Requests in flight now.</summary>
    public int Count { get; private set; }

    internal void Enter() => Count++;

    internal void Leave() => Count--;
}
