namespace Harness.Load;

/// <summary>
/// Whether latency keeps growing, which is what a server does that is asked for more than it can do. The schedule is cut into six parts by intended time.
/// Latency grows where each part's mean is above that of the part before, and the last is above the first by more than a thousandth of the schedule's length
/// and by more than a millisecond. A rate that is too high by a share x makes the last part's mean exceed the first's by five sixths of x times the length,
/// so the rule sees overloads from 0.12 % on; means that only vary come in rising order once in 720 times.
/// </summary>
internal sealed class LatencyGrowth
{
    private const int Parts = 6;
    private const long LeastGrowthNs = 1_000_000;

    private readonly double[] _sumsNs = new double[Parts];
    private readonly long[] _counts = new long[Parts];
    private long _startNs;
    private long _partNs = 1;

    /// <summary>Begins anew.</summary>
    public void Start(long startNs, long lengthNs)
    {
        _sumsNs.AsSpan().Clear();
        _counts.AsSpan().Clear();
        _startNs = startNs;
        _partNs = Math.Max(1, lengthNs / Parts);
    }

    /// <summary>Takes one latency from the intended time.</summary>
    public void Record(long intendedNs, long latencyNs)
    {
        int part = (int)Math.Min(Parts - 1, (intendedNs - _startNs) / _partNs);
        _sumsNs[part] += latencyNs;
        _counts[part]++;
    }

    /// <summary>The verdict; false where a part is empty.</summary>
    public bool KeepsGrowing
    {
        get
        {
            for (int part = 1; part < Parts; part++)
            {
                // With an empty part the comparison is with NaN, and false.
                if (!(MeanNs(part) > MeanNs(part - 1)))
                {
                    return false;
                }
            }

            return MeanNs(Parts - 1) - MeanNs(0) > Math.Max(LeastGrowthNs, _partNs * (double)Parts / 1000);
        }
    }

    private double MeanNs(int part) => _sumsNs[part] / _counts[part];
}
