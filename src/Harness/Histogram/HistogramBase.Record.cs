using System.Runtime.CompilerServices;

namespace HdrHistogram;

public abstract partial class HistogramBase
{
    /// <summary>
    /// Counts one value. It allocates nothing and never throws: a value past the last slot is counted in the last slot and in
    /// <see cref="OverflowCount"/>, a negative one as 0 and in <see cref="UnderflowCount"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void RecordValue(long value)
    {
        long[] counts = _counts;
        int index = _layout.IndexOf(value);

        // The one comparison serves four purposes: too large, negative (its index is past the end as well), and the array's own two bounds.
        if ((uint)index < (uint)counts.Length)
        {
            counts[index]++;
            TotalCount++;
        }
        else
        {
            RecordOutOfRange(value, 1);
        }
    }

    /// <summary>Counts a value <paramref name="count"/> times; what <see cref="RecordValue"/> says about the range holds here too.</summary>
    public void RecordValueWithCount(long value, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        _ = checked(TotalCount + count);
        int index = _layout.IndexOf(value);
        if ((uint)index < (uint)_counts.Length)
        {
            _counts[index] += count;
            TotalCount += count;
        }
        else
        {
            RecordOutOfRange(value, count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RecordOutOfRange(long value, long count)
    {
        if (value < 0)
        {
            UnderflowCount += count;
            _counts[0] += count;
        }
        else
        {
            OverflowCount += count;
            _counts[^1] += count;
        }

        TotalCount += count;
    }
}
