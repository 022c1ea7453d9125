using HdrHistogram;

namespace Harness.Tests.Unit;

/// <summary>Which slot a value is counted in, at the bounds where off-by-one lives.</summary>
public sealed class HistogramLayoutTests
{
    [Fact]
    public void The_latency_shape_has_32_buckets_of_2048()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        Assert.Equal((32, 2048), (histogram.BucketCount, histogram.SubBucketCount));
        Assert.Equal((32 + 1) * 1024, histogram.AllValues().Count());
    }

    [Theory]
    [InlineData(1, 3_600_000_000_000, 3)]
    [InlineData(1, long.MaxValue, 3)]
    [InlineData(1, 2, 0)]
    [InlineData(1, 2047, 3)]
    [InlineData(1, 2048, 3)]
    [InlineData(1000, 1_000_000_000, 2)]
    [InlineData(1 << 20, long.MaxValue, 4)]
    [InlineData(1, 100_000_000, 5)]
    public void Slots_follow_each_other_without_gap_and_cover_the_range(long lowest, long highest, int digits)
    {
        var histogram = new LongHistogram(lowest, highest, digits);
        long nextValue = 0;
        foreach (HistogramIterationValue slot in histogram.AllValues())
        {
            Assert.Equal(nextValue, histogram.LowestEquivalentValue(slot.ValueIteratedTo));
            Assert.Equal(slot.ValueIteratedTo, histogram.HighestEquivalentValue(nextValue));
            Assert.Equal(slot.ValueIteratedTo - nextValue + 1, histogram.SizeOfEquivalentValueRange(nextValue));
            nextValue = unchecked(slot.ValueIteratedTo + 1);
        }

        Assert.True(nextValue > highest || nextValue == long.MinValue, $"The last slot ends before {nextValue}, the range at {highest}.");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(2)]
    [InlineData(1)]
    public void A_slot_is_never_wider_than_the_digits_allow(int digits)
    {
        var histogram = new LongHistogram(long.MaxValue, digits);
        for (long value = 1; value > 0 && value < long.MaxValue / 3; value *= 3)
        {
            Assert.True(histogram.SizeOfEquivalentValueRange(value) <= Math.Max(1, value / Math.Pow(10, digits)), $"Too wide at {value}.");
        }
    }

    [Theory]
    [InlineData(2047, 2047, 1)]
    [InlineData(2048, 2048, 2)]
    [InlineData(2049, 2048, 2)]
    [InlineData(4095, 4094, 2)]
    [InlineData(4096, 4096, 4)]
    [InlineData(10_007, 10_000, 8)]
    public void Slot_widths_double_at_powers_of_two(long value, long lowest, long width)
    {
        LongHistogram histogram = LatencyHistogram.Create();
        Assert.Equal(lowest, histogram.LowestEquivalentValue(value));
        Assert.Equal(lowest + (width / 2), histogram.MedianEquivalentValue(value));
        Assert.Equal(lowest + width - 1, histogram.HighestEquivalentValue(value));
        Assert.Equal(lowest + width, histogram.NextNonEquivalentValue(value));
    }

    [Theory]
    [InlineData(0, 100, 3, "start at 1 or more")]
    [InlineData(100, 199, 3, "twice its start")]
    [InlineData(long.MaxValue, long.MaxValue, 3, "twice its start")]
    [InlineData(1, 100, 6, "must be 0 to 5")]
    [InlineData(1, 100, -1, "must be 0 to 5")]
    [InlineData(1L << 60, long.MaxValue, 3, "do not fit in 63 bits")]
    public void A_shape_that_cannot_be_says_why(long lowest, long highest, int digits, string reason)
    {
        var failure = Assert.Throws<ArgumentException>(() => new LongHistogram(lowest, highest, digits));
        Assert.Contains(reason, failure.Message);
    }
}
