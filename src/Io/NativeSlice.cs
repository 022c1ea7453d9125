using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Harness.Io;

/// <summary>
/// A run of bytes outside the managed heap, which the kernel may read or write while an operation is in flight. It does not own the memory:
/// whoever hands it to an operation keeps the owner alive until that operation has completed.
/// </summary>
public readonly unsafe struct NativeSlice
{
    private const int CacheLine = 64;

    // What follows the CPU fetches ahead by itself, once it sees memory read from front to back.
    private const int PrefetchBytes = 512;

    private readonly byte* _start;

    /// <summary>A slice over memory that the caller owns. Only for code that has a pointer from elsewhere, such as a mapping.</summary>
    /// <param name="address">First byte.</param>
    /// <param name="length">Bytes, 0 or more.</param>
    public NativeSlice(nint address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _start = (byte*)address;
        Length = length;
    }

    /// <summary>Address of the first byte.</summary>
    public nint Address => (nint)_start;

    /// <summary>Bytes.</summary>
    public int Length { get; }

    /// <summary>True where there is no byte.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>The bytes, for code on the thread that holds them now.</summary>
    public Span<byte> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_start, Length);
    }

    /// <summary>
    /// Asks the CPU to have the first bytes near by when the kernel copies them, so that several misses are waited for at once instead of one after the other.
    /// Never faults. Without effect on a CPU that .NET has no such instruction for.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch()
    {
        if (Sse.IsSupported)
        {
            int end = Math.Min(Length, PrefetchBytes);
            for (int at = 0; at < end; at += CacheLine)
            {
                Sse.Prefetch1(_start + at);
            }
        }
    }

    /// <summary>The part from <paramref name="start"/> to the end.</summary>
    public NativeSlice Slice(int start) => Slice(start, Length - start);

    /// <summary>A part; throws <see cref="ArgumentOutOfRangeException"/> where it would leave the slice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NativeSlice Slice(int start, int length)
    {
        if ((ulong)(uint)start + (uint)length > (uint)Length)
        {
            ThrowRange();
        }

        return new NativeSlice((nint)(_start + start), length);
    }

    private static void ThrowRange() => throw new ArgumentOutOfRangeException(nameof(Slice), "the part leaves the slice");
}
