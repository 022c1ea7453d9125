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

    private BlockRequest? _free;

    /// <summary>The loop.</summary>
    public EventLoop Loop { get; } = loop;

    /// <summary>Its number among the loops of the server.</summary>
    public int Index { get; } = index is >= 0 and < MaxLoops
        ? index
        : throw new ArgumentOutOfRangeException(nameof(index), $"a server has at most {MaxLoops} loops");

    /// <summary>Memory for payloads and for data read from files.</summary>
    public BufferPool Buffers { get; } = new();

    /// <summary>Requests rented and not released.</summary>
    public int RequestsInUse { get; private set; }

    /// <summary>A request to fill in and to start.</summary>
    public BlockRequest Rent(IBlockRequestOwner owner)
    {
        BlockRequest request = _free ?? new BlockRequest(this);
        _free = request.Next;
        request.Next = null;
        request.Owner = owner;
        request.MarkRented();
        RequestsInUse++;
        return request;
    }

    /// <summary>Frees the buffers. On the loop's thread, after the last request.</summary>
    public void Dispose() => Buffers.Dispose();

    internal void Return(BlockRequest request)
    {
        request.Next = _free;
        _free = request;
        RequestsInUse--;
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
