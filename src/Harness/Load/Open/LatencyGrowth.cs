namespace Harness.Load;

/// <summary>
/// Whether latency keeps growing, which is what a server does that is asked for more than it can do. The schedule is cut into quarters by intended time.
/// It grows where each quarter's mean latency is above that of the quarter before, and the last is above the first by more than a thousandth of the
/// schedule's length and by more than a millisecond. A rate that is too high by a share x makes the last quarter's mean exceed the first's by about
/// three quarters of x times the length, so the rule sees overloads from about 0.13 % on, and noise around a steady mean does not look like one.
/// </summary>
internal sealed class LatencyGrowth
{
    private const int Parts = 4;
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

    /// <summary>The verdict; false where a quarter is empty.</summary>
    public bool KeepsGrowing
    {
        get
        {
            for (int part = 1; part < Parts; part++)
            {
                // With an empty quarter the comparison is with NaN, and false.
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
