namespace HdrHistogram;

/// <summary>A histogram whose counts are 64 bits wide: they do not overflow.</summary>
public sealed class LongHistogram : HistogramBase
{
    /// <summary>A histogram of the values from 1 on.</summary>
    public LongHistogram(long highestTrackableValue, int numberOfSignificantValueDigits)
        : this(1, highestTrackableValue, numberOfSignificantValueDigits)
    {
    }

    /// <param name="lowestTrackableValue">The smallest value told apart from 0; at least 1, rounded down to a power of two.</param>
    /// <param name="highestTrackableValue">The largest value with a slot of its own precision; at least twice the lowest.</param>
    /// <param name="numberOfSignificantValueDigits">How many decimal digits of a value are kept: 0 to 5.</param>
    public LongHistogram(long lowestTrackableValue, long highestTrackableValue, int numberOfSignificantValueDigits)
        : base(lowestTrackableValue, highestTrackableValue, numberOfSignificantValueDigits)
    {
    }

    private LongHistogram(LongHistogram source)
        : base(source)
    {
    }

    /// <inheritdoc/>
    public override HistogramBase Copy() => new LongHistogram(this);
}
