using System.Numerics;
using System.Runtime.CompilerServices;

namespace Harness.Io;

/// <summary>
/// How large batches were, in buckets whose limits are powers of two: a fixed array, and two additions for each batch however large it is. Written by one
/// thread; another one asks that thread for a copy.
/// </summary>
public sealed class BatchSizes
{
    /// <summary>Length of <see cref="Counts"/>: sizes 0, 1, 2 to 3, 4 to 7, …, and 65536 and more.</summary>
    public const int BucketCount = 18;

    private readonly long[] _counts = new long[BucketCount];

    /// <summary>Batches by size; see <see cref="LeastOf"/>.</summary>
    public ReadOnlySpan<long> Counts => _counts;

    /// <summary>The sizes of all batches added up, exactly: over their number it is the mean.</summary>
    public long Total { get; private set; }

    /// <summary>The smallest size that a bucket counts, 0 to 65536.</summary>
    /// <param name="bucket">Index into <see cref="Counts"/>.</param>
    public static int LeastOf(int bucket) => bucket == 0 ? 0 : 1 << (bucket - 1);

    /// <summary>Counts a batch.</summary>
    /// <param name="size">0 or more.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(long size)
    {
        Total += size;
        _counts[Math.Min(BucketCount - 1, 64 - BitOperations.LeadingZeroCount((ulong)size))]++;
    }
}
