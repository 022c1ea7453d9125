namespace Harness.Nbd;

/// <summary>A buffer of which several parts are answers, given back when the last of them is not needed any more. For the thread of its loop.</summary>
internal sealed class SharedLease(SharedLeases home) : ILease
{
    private PooledBuffer? _buffer;
    private int _parts;

    /// <summary>Takes the buffer over, for a number of parts that will each be released.</summary>
    public void Take(PooledBuffer buffer, int parts) => (_buffer, _parts) = (buffer, parts);

    /// <inheritdoc/>
    public void Release()
    {
        if (--_parts == 0)
        {
            _buffer!.Release();
            _buffer = null;
            home.Return(this);
        }
    }
}

/// <summary>The shared leases of one loop, kept for the next answer.</summary>
internal sealed class SharedLeases
{
    private readonly Stack<SharedLease> _free = new();

    public SharedLease Rent() => _free.TryPop(out SharedLease? lease) ? lease : new SharedLease(this);

    public void Return(SharedLease lease) => _free.Push(lease);
}
