using System.Numerics;
using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Native buffers of one loop, kept by size for the next request. Sizes are powers of two from 4 KiB, and a tail; what is kept is bounded, the rest goes back
/// to the system. All members are for the loop's thread.
/// </summary>
public sealed class BufferPool : IDisposable
{
    /// <summary>The most bytes that the pool keeps while nobody uses them.</summary>
    public const long MaxKeptBytes = 128L << 20;

    /// <summary>The most bytes behind those asked for that whoever rents a buffer may use as well: room for the header that follows a payload.</summary>
    public const int MaxTailBytes = 64;

    private const int SmallestShift = 12;
    private readonly PooledBuffer?[] _free = new PooledBuffer?[31 - SmallestShift];
    private long _keptBytes;

    /// <summary>Buffers that are rented now.</summary>
    public int InUse { get; private set; }

    /// <summary>A buffer whose <see cref="PooledBuffer.Slice"/> has <paramref name="length"/> bytes; what they hold is undefined.</summary>
    /// <param name="length">Bytes, 1 to 2^30.</param>
    /// <exception cref="OutOfMemoryException">The system has no more.</exception>
    public PooledBuffer Rent(int length)
    {
        int shift = Math.Max(SmallestShift, 32 - BitOperations.LeadingZeroCount((uint)length - 1));
        ref PooledBuffer? free = ref _free[shift - SmallestShift];
        PooledBuffer buffer;
        if (free is null)
        {
            buffer = new PooledBuffer(this, 1 << shift, shift - SmallestShift);
        }
        else
        {
            buffer = free;
            free = buffer.Next;
            buffer.Next = null;
            _keptBytes -= buffer.Memory.Length;
        }

        InUse++;
        buffer.Slice = buffer.Memory.Slice(0, length);
        return buffer;
    }

    /// <summary>As <see cref="Rent"/>, of which the slice begins at a multiple of <paramref name="alignment"/>; it has no tail.</summary>
    /// <param name="length">Bytes, 1 to 2^29.</param>
    /// <param name="alignment">A power of two, at most 65,536.</param>
    public PooledBuffer RentAligned(int length, uint alignment)
    {
        PooledBuffer buffer = Rent(length + (int)alignment - 1);
        int skip = (int)(-buffer.Slice.Address & (alignment - 1));
        buffer.Slice = buffer.Slice.Slice(skip, length);
        return buffer;
    }

    /// <summary>Frees what is kept.</summary>
    public void Dispose()
    {
        for (int i = 0; i < _free.Length; i++)
        {
            for (PooledBuffer? buffer = _free[i]; buffer is not null; buffer = buffer.Next)
            {
                buffer.Memory.Dispose();
            }

            _free[i] = null;
        }

        _keptBytes = 0;
    }

    internal void Return(PooledBuffer buffer)
    {
        InUse--;
        if (_keptBytes + buffer.Memory.Length > MaxKeptBytes)
        {
            buffer.Memory.Dispose();
            return;
        }

        _keptBytes += buffer.Memory.Length;
        buffer.Next = _free[buffer.SizeClass];
        _free[buffer.SizeClass] = buffer;
    }
}

/// <summary>A buffer of a <see cref="BufferPool"/>; releasing it gives it back.</summary>
public sealed class PooledBuffer : ILease
{
    private readonly BufferPool _pool;

    internal PooledBuffer(BufferPool pool, int length, int sizeClass)
    {
        _pool = pool;
        Memory = new NativeBuffer(length + BufferPool.MaxTailBytes);
        SizeClass = sizeClass;
    }

    /// <summary>The bytes that were asked for.</summary>
    public NativeSlice Slice { get; internal set; }

    /// <summary>The bytes that were asked for, and so many behind them, at most <see cref="BufferPool.MaxTailBytes"/>.</summary>
    public NativeSlice WithTail(int tailBytes) => Memory.Slice(0, Slice.Length + tailBytes);

    internal NativeBuffer Memory { get; }

    internal int SizeClass { get; }

    internal PooledBuffer? Next { get; set; }

    /// <inheritdoc/>
    public void Release() => _pool.Return(this);
}
