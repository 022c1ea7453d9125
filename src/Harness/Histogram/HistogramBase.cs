namespace HdrHistogram;

/// <summary>
/// A high dynamic range histogram: counts of values over a wide range, each known to a fixed number of significant decimal digits,
/// in memory of a fixed size. It has the names of the HdrHistogram package for .NET and the definitions of the Java original,
/// so that figures agree with what other HdrHistogram tools make of the same data.
/// Not for use from several threads at once: one histogram per recording thread, added up afterwards.
/// </summary>
public abstract partial class HistogramBase
{
    private readonly BucketLayout _layout;
    private readonly long[] _counts;
    private string? _tag;

    private protected HistogramBase(long lowestTrackableValue, long highestTrackableValue, int numberOfSignificantValueDigits)
    {
        if (!BucketLayout.TryCreate(lowestTrackableValue, highestTrackableValue, numberOfSignificantValueDigits, out _layout, out string? problem))
        {
            throw new ArgumentException($"No such histogram can be made: {problem}.");
        }

        LowestTrackableValue = lowestTrackableValue;
        HighestTrackableValue = highestTrackableValue;
        NumberOfSignificantValueDigits = numberOfSignificantValueDigits;
        _counts = new long[_layout.Length];
    }

    private protected HistogramBase(HistogramBase source)
    {
        _layout = source._layout;
        LowestTrackableValue = source.LowestTrackableValue;
        HighestTrackableValue = source.HighestTrackableValue;
        NumberOfSignificantValueDigits = source.NumberOfSignificantValueDigits;
        _counts = (long[])source._counts.Clone();
        TotalCount = source.TotalCount;
        OverflowCount = source.OverflowCount;
        UnderflowCount = source.UnderflowCount;
        StartTimeStamp = source.StartTimeStamp;
        EndTimeStamp = source.EndTimeStamp;
        _tag = source._tag;
    }

    public long LowestTrackableValue { get; }
    public long HighestTrackableValue { get; }
    public int NumberOfSignificantValueDigits { get; }
    public int BucketCount => _layout.BucketCount;
    public int SubBucketCount => _layout.SubBucketCount;

    /// <summary>How many values were recorded, those that had to be clamped among them.</summary>
    public long TotalCount { get; private set; }

    /// <summary>How many values lay above the last slot and were counted in it. Not part of any file format.</summary>
    public long OverflowCount { get; private set; }

    /// <summary>How many values were negative and were counted as 0. Not part of any file format.</summary>
    public long UnderflowCount { get; private set; }

    /// <summary>When the interval began, in milliseconds since the epoch; 0 when nobody said.</summary>
    public long StartTimeStamp { get; set; }

    /// <summary>When the interval ended, in milliseconds since the epoch; 0 when nobody said.</summary>
    public long EndTimeStamp { get; set; }

    /// <summary>What a log line is marked with, or null. A comma, a space or a line break cannot be written to a log and is refused.</summary>
    public string? Tag
    {
        get => _tag;
        set
        {
            if (value is not null && (value.Length == 0 || value.AsSpan().ContainsAny(", \r\n")))
            {
                throw new ArgumentException($"A histogram's tag must not be empty nor contain commas, spaces or line breaks: '{value}'.", nameof(value));
            }

            _tag = value;
        }
    }

    internal ReadOnlySpan<long> Counts => _counts;

    /// <summary>A histogram of the same shape with the same contents, stamps and tag.</summary>
    public abstract HistogramBase Copy();

    /// <summary>Forgets all recorded values. Stamps and tag stay, for the next interval.</summary>
    public void Reset()
    {
        Array.Clear(_counts);
        TotalCount = 0;
        OverflowCount = 0;
        UnderflowCount = 0;
    }

    /// <summary>
    /// Adds all that the other histogram has counted, and widens the stamps to include its interval.
    /// Nothing is changed when it holds values that this one has no slot for: that is an <see cref="ArgumentOutOfRangeException"/>.
    /// </summary>
    public void Add(HistogramBase fromHistogram)
    {
        if (fromHistogram.GetMaxValue() > _layout.HighestValue)
        {
            throw new ArgumentOutOfRangeException(
                nameof(fromHistogram),
                $"The other histogram holds values up to {fromHistogram.GetMaxValue()}; this one ends at {_layout.HighestValue}.");
        }

        // Checked before anything is written; no single count can then exceed the total.
        long totalCount = checked(TotalCount + fromHistogram.TotalCount);
        AddCounts(fromHistogram);
        TotalCount = totalCount;
        OverflowCount += fromHistogram.OverflowCount;
        UnderflowCount += fromHistogram.UnderflowCount;
        WidenStamps(fromHistogram);
    }

    /// <summary>For the decoder, which has checked before that the index exists and that the sum of all counts fits.</summary>
    internal void AddToCountAtIndex(int index, long count)
    {
        _counts[index] += count;
        TotalCount += count;
    }

    private void AddCounts(HistogramBase other)
    {
        bool sameSlots = _layout.HasSameSlotsAs(other._layout);
        for (int index = 0; index < other._counts.Length; index++)
        {
            long count = other._counts[index];
            if (count != 0)
            {
                int target = sameSlots ? index : _layout.IndexOf(other._layout.LowestValueAt(index));
                _counts[target] += count;
            }
        }
    }

    private void WidenStamps(HistogramBase other)
    {
        if (other.EndTimeStamp == 0)
        {
            return;
        }

        StartTimeStamp = EndTimeStamp == 0 ? other.StartTimeStamp : Math.Min(StartTimeStamp, other.StartTimeStamp);
        EndTimeStamp = Math.Max(EndTimeStamp, other.EndTimeStamp);
    }
}
