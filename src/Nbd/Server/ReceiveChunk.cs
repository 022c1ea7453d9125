using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A piece of memory that a connection receives into. Requests are read where they lie, and the payloads of small writes are handed to the block in place: each
/// such payload holds the chunk, and so does the connection while it receives into it. With the last holder gone the chunk goes back to its pool. It
/// belongs to one loop's thread.
/// </summary>
internal sealed class ReceiveChunk(ReceiveChunkPool pool, int length) : ILease
{
    // A mapping of its own: what was never received into takes no memory, and a chunk that the pool lets go of goes back to the system at once, where a heap
    // would keep it.
    private readonly AnonymousMapping _memory = new((ulong)length);
    private int _holders;
    private ServerConnection? _owner;

    public NativeSlice Memory { get; private set; }

    /// <summary>True where only the connection holds it, so that what lies in it may be moved.</summary>
    public bool IsOnlyReceivedInto => _holders == 1;

    internal ReceiveChunk? Next { get; set; }

    public void Attach(ServerConnection owner)
    {
        _owner = owner;
        _holders = 1;
        Memory = _memory.Slice(0, length);
    }

    public void Hold() => _holders++;

    public void Release()
    {
        if (--_holders == 0)
        {
            ServerConnection owner = _owner!;
            _owner = null;
            pool.Return(this);
            owner.OnChunkReturned();
        }
    }

    public void Free() => _memory.Dispose();
}

/// <summary>The chunks of one loop. What is kept for reuse is bounded.</summary>
internal sealed class ReceiveChunkPool(int chunkBytes) : IDisposable
{
    private const long MaxKeptBytes = 64L << 20;

    private ReceiveChunk? _free;

    /// <summary>Chunks that connections or payloads hold.</summary>
    public int InUse { get; private set; }

    /// <summary>Chunks that nobody holds.</summary>
    public int Kept { get; private set; }

    public int ChunkBytes => chunkBytes;

    public ReceiveChunk Rent(ServerConnection owner)
    {
        ReceiveChunk chunk = Take() ?? new ReceiveChunk(this, chunkBytes);
        InUse++;
        chunk.Attach(owner);
        return chunk;
    }

    public void Return(ReceiveChunk chunk)
    {
        InUse--;
        if ((long)(Kept + 1) * chunkBytes > MaxKeptBytes)
        {
            chunk.Free();
            return;
        }

        Kept++;
        chunk.Next = _free;
        _free = chunk;
    }

    /// <summary>Gives back to the system what is kept beyond so many chunks.</summary>
    public void Trim(int keep)
    {
        while (Kept > keep)
        {
            Take()!.Free();
        }
    }

    public void Dispose() => Trim(0);

    private ReceiveChunk? Take()
    {
        if (_free is not { } chunk)
        {
            return null;
        }

        _free = chunk.Next;
        chunk.Next = null;
        Kept--;
        return chunk;
    }
}
