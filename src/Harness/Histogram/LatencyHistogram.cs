namespace HdrHistogram;

/// <summary>The one shape in which this project records latencies, so that all of them can be added up: 1 ns to 1 h, three digits, 264 KiB.</summary>
public static class LatencyHistogram
{
    public const long LowestNs = 1;
    public const long HighestNs = 3_600_000_000_000;
    public const int SignificantDigits = 3;

    public static LongHistogram Create() => new(LowestNs, HighestNs, SignificantDigits);
}
