namespace HdrHistogram;

public abstract partial class HistogramBase
{
    /// <summary>
    /// The largest value that the given percentage of all recorded values does not exceed, to within the resolution: the end of its slot.
    /// Percentile 0 is the start of the first slot that counted anything. 0 when nothing was recorded.
    /// </summary>
    public long GetValueAtPercentile(double percentile)
    {
        if (double.IsNaN(percentile))
        {
            throw new ArgumentOutOfRangeException(nameof(percentile), "The percentile is not a number.");
        }

        // One representable number less: else a product that was rounded up by its last bit would, once rounded up to a whole count, skip a slot.
        double requested = Math.Clamp(Math.BitDecrement(percentile), 0.0, 100.0);
        long countAtPercentile = Math.Max((long)Math.Ceiling(requested * TotalCount / 100.0), 1);
        long countSoFar = 0;
        for (int index = 0; index < _counts.Length; index++)
        {
            countSoFar += _counts[index];
            if (countSoFar >= countAtPercentile)
            {
                return percentile == 0.0 ? _layout.LowestValueAt(index) : _layout.HighestValueAt(index);
            }
        }

        return 0;
    }

    /// <summary>Which percentage of all recorded values is at most this one, to within the resolution. 100 when nothing was recorded.</summary>
    public double GetPercentileAtOrBelowValue(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        if (TotalCount == 0)
        {
            return 100.0;
        }

        int last = Math.Min(_layout.IndexOf(value), _counts.Length - 1);
        long countSoFar = 0;
        for (int index = 0; index <= last; index++)
        {
            countSoFar += _counts[index];
        }

        return 100.0 * countSoFar / TotalCount;
    }

    /// <summary>How many values were counted in the slot of this one; 0 for a value that no slot stands for.</summary>
    public long GetCountAtValue(long value)
    {
        int index = _layout.IndexOf(value);
        return (uint)index < (uint)_counts.Length ? _counts[index] : 0;
    }

    /// <summary>The end of the last slot that counted anything; 0 when nothing was recorded.</summary>
    public long GetMaxValue()
    {
        int index = LastUsedIndex;
        return index < 0 ? 0 : _layout.HighestValueAt(index);
    }

    /// <summary>The start of the first slot that counted anything; 0 when nothing was recorded.</summary>
    public long GetMinValue() => TotalCount == 0 ? 0 : _layout.LowestValueAt(_counts.AsSpan().IndexOfAnyExcept(0L));

    /// <summary>The mean, each value taken as the middle of its slot; 0 when nothing was recorded.</summary>
    public double GetMean()
    {
        if (TotalCount == 0)
        {
            return 0.0;
        }

        double sum = 0.0;
        for (int index = 0; index < _counts.Length; index++)
        {
            if (_counts[index] != 0)
            {
                sum += _layout.MedianValueAt(index) * (double)_counts[index];
            }
        }

        return sum / TotalCount;
    }

    /// <summary>The standard deviation of the whole population, each value taken as the middle of its slot; 0 when nothing was recorded.</summary>
    public double GetStdDeviation()
    {
        if (TotalCount == 0)
        {
            return 0.0;
        }

        double mean = GetMean();
        double sumOfSquares = 0.0;
        for (int index = 0; index < _counts.Length; index++)
        {
            if (_counts[index] != 0)
            {
                double deviation = _layout.MedianValueAt(index) - mean;
                sumOfSquares += deviation * deviation * _counts[index];
            }
        }

        return Math.Sqrt(sumOfSquares / TotalCount);
    }

    /// <summary>How many neighbouring values share a slot with this one.</summary>
    public long SizeOfEquivalentValueRange(long value) => _layout.SlotWidthOf(NotNegative(value));

    /// <summary>The smallest value that shares a slot with this one.</summary>
    public long LowestEquivalentValue(long value) => _layout.LowestEquivalent(NotNegative(value));

    /// <summary>The largest value that shares a slot with this one.</summary>
    public long HighestEquivalentValue(long value) => LowestEquivalentValue(value) + (SizeOfEquivalentValueRange(value) - 1);

    /// <summary>The middle of the slot of this value.</summary>
    public long MedianEquivalentValue(long value) => LowestEquivalentValue(value) + (SizeOfEquivalentValueRange(value) >> 1);

    /// <summary>The smallest value of the next slot.</summary>
    public long NextNonEquivalentValue(long value) => LowestEquivalentValue(value) + SizeOfEquivalentValueRange(value);

    /// <summary>The last slot that counted anything, or -1.</summary>
    internal int LastUsedIndex => _counts.AsSpan().LastIndexOfAnyExcept(0L);

    private static long NotNegative(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        return value;
    }
}
