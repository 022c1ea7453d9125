using HdrHistogram;

namespace Harness.Report;

/// <summary>Histograms of nanoseconds as the points of lines, in microseconds with four digits: enough to draw, and small.</summary>
internal static class HtmlCurves
{
    private const double NanosecondsPerMicrosecond = 1000;
    private const int PointsPerDecade = 12;
    private const int Decades = 6;

    // No even step of a decade hits it, and everybody asks for it.
    private const double Median = 2;

    /// <summary>
    /// 1/(1-p) from 1, which is the smallest value, to a million, which is the 99.9999th percentile; a decade is one more nine. The median and
    /// every nine are points of it, so that tables need no others.
    /// </summary>
    public static IReadOnlyList<double> Grid { get; } =
        [.. Enumerable.Range(0, (PointsPerDecade * Decades) + 1).Select(i => Digits(Math.Pow(10, (double)i / PointsPerDecade), 6)).Append(Median).Order()];

    /// <summary>
    /// All intervals together, at the points of <see cref="Grid"/>. It ends where fewer values than one lie above: a thousand values know nothing
    /// of the 99.99th percentile.
    /// </summary>
    public static IReadOnlyList<double> Percentiles(IReadOnlyList<HistogramBase> intervals)
    {
        if (intervals.All(interval => interval.TotalCount == 0))
        {
            return [];
        }
        var sum = LatencyHistogram.Create();
        foreach (var interval in intervals)
        {
            sum.Add(interval);
        }
        return [.. Grid.TakeWhile(x => x <= sum.TotalCount).Select(x => Microseconds(sum, 100 * (1 - (1 / x))))];
    }

    /// <summary>A segment for each round, in the order of the log.</summary>
    public static IEnumerable<HtmlSegment> Segments(IReadOnlyList<HistogramBase> intervals) => intervals
        .GroupBy(interval => interval.Tag ?? "round1")
        .Select(round => Segment(round.Key, [.. round]));

    /// <summary>One stretch of intervals that follow each other.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="intervals">At least one, by time; all as long as the first but for the last.</param>
    public static HtmlSegment Segment(string name, IReadOnlyList<HistogramBase> intervals)
    {
        var whole = WithoutRest(intervals);
        return new HtmlSegment
        {
            Name = name,
            IntervalSeconds = Milliseconds(intervals[0]) / 1000.0,
            P50 = Line(whole, 50),
            P99 = Line(whole, 99),
            P999 = Line(whole, 99.9),
            Max = Line(whole, 100),
        };
    }

    /// <summary>The value with so many digits; whole numbers keep all of theirs.</summary>
    public static double Digits(double value, int digits)
    {
        if (value == 0 || !double.IsFinite(value))
        {
            return value;
        }
        var decimals = digits - 1 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return decimals >= 0 ? Math.Round(value, Math.Min(decimals, 15)) : Math.Round(value);
    }

    private static long Milliseconds(HistogramBase interval) => Math.Max(1, interval.EndTimeStamp - interval.StartTimeStamp);

    // The clock of the load runs on for a moment after the last whole second: what is left over has too few values for percentiles.
    private static List<HistogramBase> WithoutRest(IReadOnlyList<HistogramBase> intervals)
    {
        var whole = intervals.ToList();
        if (whole.Count > 1 && Milliseconds(whole[^1]) < Milliseconds(whole[0]) / 4)
        {
            var last = LatencyHistogram.Create();
            last.Add(whole[^2]);
            last.Add(whole[^1]);
            whole.RemoveAt(whole.Count - 1);
            whole[^1] = last;
        }
        return whole;
    }

    private static IReadOnlyList<double?> Line(List<HistogramBase> intervals, double percentile) =>
        [.. intervals.Select(interval => interval.TotalCount == 0 ? (double?)null : Microseconds(interval, percentile))];

    private static double Microseconds(HistogramBase histogram, double percentile) =>
        Digits(histogram.GetValueAtPercentile(percentile) / NanosecondsPerMicrosecond, 4);
}
