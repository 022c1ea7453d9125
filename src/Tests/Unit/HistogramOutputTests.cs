using HdrHistogram;

namespace Harness.Tests.Unit;

/// <summary>The .hgrm text. The expected text is what HdrHistogram 2.1.11 for Java prints for the same values.</summary>
public sealed class HistogramOutputTests
{
    [Fact]
    public void Columns_are_as_Java_prints_them()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        histogram.RecordValueWithCount(1_500, 3);
        histogram.RecordValue(2_000_500);
        Assert.Equal(
            """
                   Value     Percentile TotalCount 1/(1-Percentile)

                   1.500 0.000000000000          3           1.00
                   1.500 0.100000000000          3           1.11
                   1.500 0.200000000000          3           1.25
                   1.500 0.300000000000          3           1.43
                   1.500 0.400000000000          3           1.67
                   1.500 0.500000000000          3           2.00
                   1.500 0.550000000000          3           2.22
                   1.500 0.600000000000          3           2.50
                   1.500 0.650000000000          3           2.86
                   1.500 0.700000000000          3           3.33
                   1.500 0.750000000000          3           4.00
                2000.895 0.775000000000          4           4.44
                2000.895 1.000000000000          4
            #[Mean    =      501.221, StdDeviation   =      865.542]
            #[Max     =     2000.895, Total count    =            4]
            #[Buckets =           32, SubBuckets     =         2048]

            """,
            Hgrm(histogram, 1000.0));
    }

    [Fact]
    public void Nothing_recorded_is_a_head_and_a_summary() =>
        Assert.Equal(
            """
                   Value     Percentile TotalCount 1/(1-Percentile)

            #[Mean    =        0.000, StdDeviation   =        0.000]
            #[Max     =        0.000, Total count    =            0]
            #[Buckets =           32, SubBuckets     =         2048]

            """,
            Hgrm(LatencyHistogram.Create(), 1.0));

    [Theory]
    [InlineData(1.0005, 3, "1.001")] // In binary it is a little less than that: rounding the binary value would give 1.000.
    [InlineData(2.0475, 3, "2.048")]
    [InlineData(0.9999755859375, 12, "0.999975585938")]
    [InlineData(0.125, 2, "0.13")]
    [InlineData(0.0, 3, "0.000")]
    [InlineData(1e-30, 3, "0.000")]
    [InlineData(9.2e18, 3, "9200000000000000000.000")]
    [InlineData(double.PositiveInfinity, 2, "Infinity")]
    public void Decimals_are_rounded_half_up_as_written(double value, int decimals, string expected) =>
        Assert.Equal(expected, JavaDecimal.Format(value, decimals));

    private static string Hgrm(HistogramBase histogram, double ratio)
    {
        using var text = new StringWriter();
        histogram.OutputPercentileDistribution(text, 5, ratio);
        return text.ToString();
    }
}
