using System.Globalization;

namespace HdrHistogram;

/// <summary>The percentile distribution as text: the .hgrm format, which plotters of HdrHistogram data read.</summary>
public static class PercentileDistribution
{
    /// <summary>Writes the distribution exactly as the Java original does, character by character.</summary>
    /// <param name="histogram">What to write.</param>
    /// <param name="writer">Where to; lines end in a line feed on every system.</param>
    /// <param name="percentileTicksPerHalfDistance">See <see cref="HistogramBase.Percentiles"/>.</param>
    /// <param name="outputValueUnitScalingRatio">By what values are divided: 1000.0 turns nanoseconds into microseconds.</param>
    /// <param name="useCsvFormat">Comma-separated lines without the summary, instead of columns.</param>
    public static void OutputPercentileDistribution(
        this HistogramBase histogram,
        TextWriter writer,
        int percentileTicksPerHalfDistance = 5,
        double outputValueUnitScalingRatio = OutputScalingFactor.None,
        bool useCsvFormat = false)
    {
        int digits = histogram.NumberOfSignificantValueDigits;
        writer.Write(useCsvFormat
            ? "\"Value\",\"Percentile\",\"TotalCount\",\"1/(1-Percentile)\"\n"
            : $"{"Value",12} {"Percentile",14} {"TotalCount",10} {"1/(1-Percentile)",14}\n\n");

        foreach (HistogramIterationValue step in histogram.Percentiles(percentileTicksPerHalfDistance))
        {
            string value = JavaDecimal.Format(step.ValueIteratedTo / outputValueUnitScalingRatio, digits);
            string percentile = JavaDecimal.Format(step.PercentileLevelIteratedTo / 100.0, 12);
            string count = step.TotalCountToThisValue.ToString(CultureInfo.InvariantCulture);
            string oneIn = step.IsLastValue() ? "Infinity" : JavaDecimal.Format(1 / (1.0 - (step.PercentileLevelIteratedTo / 100.0)), 2);
            if (useCsvFormat)
            {
                writer.Write($"{value},{percentile},{count},{oneIn}\n");
            }
            else
            {
                // In columns, unlike in CSV, the last line ends without a fourth one.
                writer.Write($"{value,12} {percentile} {count,10}");
                writer.Write(step.IsLastValue() ? "\n" : $" {oneIn,14}\n");
            }
        }

        if (!useCsvFormat)
        {
            WriteSummary(histogram, writer, digits, outputValueUnitScalingRatio);
        }
    }

    private static void WriteSummary(HistogramBase histogram, TextWriter writer, int digits, double scalingRatio)
    {
        string mean = JavaDecimal.Format(histogram.GetMean() / scalingRatio, digits);
        string deviation = JavaDecimal.Format(histogram.GetStdDeviation() / scalingRatio, digits);
        string max = JavaDecimal.Format(histogram.GetMaxValue() / scalingRatio, digits);
        writer.Write(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            #[Mean    = {mean,12}, StdDeviation   = {deviation,12}]
            #[Max     = {max,12}, Total count    = {histogram.TotalCount,12}]
            #[Buckets = {histogram.BucketCount,12}, SubBuckets     = {histogram.SubBucketCount,12}]

            """));
    }
}
