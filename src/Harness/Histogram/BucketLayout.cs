using System.Numerics;
using System.Runtime.CompilerServices;

namespace HdrHistogram;

/// <summary>
/// Which slot of the counts array a value belongs to, and which values a slot stands for.
/// Bucket 0 counts every unit up to <see cref="SubBucketCount"/>; each further bucket covers twice the range of the one before
/// with slots twice as wide. Of those further buckets only the upper half is new, so each adds <see cref="SubBucketCount"/> / 2 slots.
/// </summary>
internal readonly struct BucketLayout
{
    private readonly int _unitMagnitude;
    private readonly int _halfMagnitude;
    private readonly int _leadingZerosOfBucket0;
    private readonly long _bucket0Mask;

    private BucketLayout(int unitMagnitude, int subBucketMagnitude, int bucketCount)
    {
        _unitMagnitude = unitMagnitude;
        _halfMagnitude = subBucketMagnitude - 1;
        _leadingZerosOfBucket0 = 64 - unitMagnitude - subBucketMagnitude;
        _bucket0Mask = ((1L << subBucketMagnitude) - 1) << unitMagnitude;
        BucketCount = bucketCount;
    }

    public int BucketCount { get; }
    public int SubBucketCount => 2 << _halfMagnitude;

    /// <summary>How many slots the counts array has.</summary>
    public int Length => (BucketCount + 1) << _halfMagnitude;

    /// <summary>The last value of the last slot: at least the highest trackable value, usually more.</summary>
    public long HighestValue => HighestValueAt(Length - 1);

    /// <summary>Makes the layout, or says in <paramref name="problem"/> why there is none for these numbers.</summary>
    public static bool TryCreate(long lowest, long highest, int digits, out BucketLayout layout, out string? problem)
    {
        layout = default;
        problem = null;
        if (digits is < 0 or > 5)
        {
            problem = $"the number of significant digits is {digits}; it must be 0 to 5";
            return false;
        }

        if (lowest < 1 || highest / 2 < lowest)
        {
            problem = $"the range is {lowest} to {highest}; it must start at 1 or more and end at twice its start or more";
            return false;
        }

        // The first bucket must tell all values up to 2 * 10^digits apart, rounded up to a power of two for indexing by shifts.
        int subBucketMagnitude = BitOperations.Log2(BitOperations.RoundUpToPowerOf2(2 * (uint)Math.Pow(10, digits)));
        int unitMagnitude = BitOperations.Log2((ulong)lowest);
        if (subBucketMagnitude + unitMagnitude > 62)
        {
            problem = $"{digits} significant digits from {lowest} on do not fit in 63 bits";
            return false;
        }

        int significantBits = BitOperations.Log2((ulong)highest) + 1;
        int bucketCount = Math.Max(significantBits - subBucketMagnitude - unitMagnitude, 0) + 1;
        layout = new BucketLayout(unitMagnitude, subBucketMagnitude, bucketCount);
        return true;
    }

    /// <summary>
    /// The slot of a value. For a negative value, or one past the last slot, the result is not a valid index: it is at least <see cref="Length"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int IndexOf(long value)
    {
        int bucket = BucketOf(value);
        return (bucket << _halfMagnitude) + (int)(value >>> (bucket + _unitMagnitude));
    }

    public long LowestValueAt(int index)
    {
        int bucket = Math.Max((index >> _halfMagnitude) - 1, 0);
        return (long)(index - (bucket << _halfMagnitude)) << (bucket + _unitMagnitude);
    }

    public long HighestValueAt(int index) => LowestValueAt(index) + (SlotWidthAt(index) - 1);

    public long MedianValueAt(int index) => LowestValueAt(index) + (SlotWidthAt(index) >> 1);

    /// <summary>How many values share the slot of this one.</summary>
    public long SlotWidthOf(long value) => 1L << (BucketOf(value) + _unitMagnitude);

    public long LowestEquivalent(long value)
    {
        int shift = BucketOf(value) + _unitMagnitude;
        return value >> shift << shift;
    }

    /// <summary>True when equal indices of both layouts stand for equal values.</summary>
    public bool HasSameSlotsAs(BucketLayout other) => _unitMagnitude == other._unitMagnitude && _halfMagnitude == other._halfMagnitude;

    private long SlotWidthAt(int index) => 1L << (Math.Max((index >> _halfMagnitude) - 1, 0) + _unitMagnitude);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int BucketOf(long value) => _leadingZerosOfBucket0 - BitOperations.LeadingZeroCount((ulong)(value | _bucket0Mask));
}
