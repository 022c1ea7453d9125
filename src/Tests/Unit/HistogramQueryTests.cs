using HdrHistogram;

namespace Harness.Tests.Unit;

/// <summary>Percentiles, mean and deviation by the definitions of the Java original; that they agree with Java itself, the interop tests show.</summary>
public sealed class HistogramQueryTests
{
    // Far more than any iteration has: one that never ended would fail here instead of filling the machine's memory.
    private const int StepsAtMost = 1_000_000;

    [Fact]
    public void Nothing_recorded_is_zero_everywhere()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        Assert.Equal((0, 0, 0, 0), (histogram.GetMinValue(), histogram.GetMaxValue(), histogram.GetValueAtPercentile(50), histogram.GetValueAtPercentile(100)));
        Assert.Equal((0.0, 0.0, 100.0), (histogram.GetMean(), histogram.GetStdDeviation(), histogram.GetPercentileAtOrBelowValue(5)));
        Assert.Empty(histogram.Percentiles(5));
        Assert.Empty(histogram.RecordedValues());
    }

    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(0.0001, 1)]
    [InlineData(50.0, 500)]
    [InlineData(50.05, 501)]
    [InlineData(99.0, 990)]
    [InlineData(99.9, 999)]
    [InlineData(99.91, 1000)]
    [InlineData(100.0, 1000)]
    [InlineData(250.0, 1000)]
    [InlineData(-1.0, 1)]
    public void A_percentile_is_the_smallest_value_that_so_many_do_not_exceed(double percentile, long expected) =>
        Assert.Equal(expected, OneToThousand().GetValueAtPercentile(percentile));

    [Fact]
    public void No_percentile_that_is_a_whole_count_is_rounded_past_it()
    {
        LongHistogram histogram = OneToThousand();
        Assert.All(Enumerable.Range(1, 1000), count => Assert.Equal(count, histogram.GetValueAtPercentile(100.0 * count / 1000)));
    }

    [Fact]
    public void A_percentile_is_the_end_of_its_slot_but_percentile_0_is_the_start()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        histogram.RecordValue(10_007);
        Assert.Equal((10_000, 10_007, 10_007), (histogram.GetValueAtPercentile(0), histogram.GetValueAtPercentile(1), histogram.GetMaxValue()));
        Assert.Equal(10_000, histogram.GetMinValue());
    }

    [Fact]
    public void Percentile_of_a_value_is_the_share_at_or_below_it()
    {
        LongHistogram histogram = OneToThousand();
        Assert.Equal(0.0, histogram.GetPercentileAtOrBelowValue(0));
        Assert.Equal(50.0, histogram.GetPercentileAtOrBelowValue(500));
        Assert.Equal(100.0, histogram.GetPercentileAtOrBelowValue(long.MaxValue));
    }

    [Fact]
    public void What_is_not_a_percentile_or_a_value_is_refused()
    {
        LongHistogram histogram = OneToThousand();
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.GetValueAtPercentile(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.GetPercentileAtOrBelowValue(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.HighestEquivalentValue(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => histogram.Percentiles(0));
        Assert.Equal(0, histogram.GetCountAtValue(-1));
        Assert.Equal(0, histogram.GetCountAtValue(long.MaxValue));
    }

    [Fact]
    public void Mean_and_deviation_are_those_of_the_population()
    {
        LongHistogram histogram = OneToThousand();
        Assert.Equal(500.5, histogram.GetMean());
        Assert.Equal(Math.Sqrt(((1000.0 * 1000.0) - 1) / 12), histogram.GetStdDeviation(), 1e-9);
    }

    [Fact]
    public void Percentile_steps_halve_the_distance_and_end_at_100()
    {
        HistogramIterationValue[] steps = [.. OneToThousand().Percentiles(5).Take(StepsAtMost)];
        Assert.Equal([0, 10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 77.5], steps.Take(12).Select(step => step.PercentileLevelIteratedTo));
        Assert.Equal([1, 100, 200, 300, 400, 500, 550], steps.Take(7).Select(step => step.ValueIteratedTo));
        Assert.True(steps[^1].IsLastValue());
        Assert.Single(steps, step => step.IsLastValue());
        Assert.Equal(1000, steps.Sum(step => step.CountAddedInThisIterationStep));
        Assert.All(steps.Skip(1).Zip(steps), pair => Assert.Equal(pair.Second.ValueIteratedTo, pair.First.ValueIteratedFrom));
    }

    [Theory]
    [InlineData(1L << 61, 1)]
    [InlineData(1L << 61, 5)]
    [InlineData(1L << 61, 1000)]
    public void Percentile_steps_end_even_where_a_tick_is_lost_in_rounding(long count, int ticks)
    {
        LongHistogram histogram = LatencyHistogram.Create();
        histogram.RecordValueWithCount(1, count);
        histogram.RecordValue(2);
        histogram.RecordValue(3);
        HistogramIterationValue[] steps = [.. histogram.Percentiles(ticks).Take(StepsAtMost)];
        Assert.True(steps[^1].IsLastValue());
        Assert.Single(steps, step => step.IsLastValue());
        Assert.Equal(3, steps[^1].ValueIteratedTo);
    }

    private static LongHistogram OneToThousand()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        for (long value = 1; value <= 1000; value++)
        {
            histogram.RecordValue(value);
        }

        return histogram;
    }
}
