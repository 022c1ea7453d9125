namespace Harness.Load;

/// <summary>
/// Draws ranks 1 to n with probability proportional to rank^-theta, in constant time and memory for any n: rejection-inversion (Hörmann and Derflinger,
/// "Rejection-inversion to generate variates from monotone discrete distributions", 1996).
/// </summary>
internal sealed class ZipfRanks
{
    private readonly double _theta;
    private readonly ulong _n;
    private readonly double _low;
    private readonly double _high;

    /// <param name="n">Ranks, 1 or more.</param>
    /// <param name="theta">Above 0; 0.99 is what many storage benchmarks take for "skewed".</param>
    public ZipfRanks(ulong n, double theta)
    {
        ArgumentOutOfRangeException.ThrowIfZero(n);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(theta);
        _theta = theta;
        _n = n;
        // The first rank's step is as wide as its probability, 1, so that nothing of it is rejected.
        _low = Area(1.5) - 1;
        _high = Area(n + 0.5);
    }

    /// <summary>The next rank.</summary>
    public ulong Next(ref SplitMix64 random)
    {
        while (true)
        {
            double u = _low + (random.NextUnit() * (_high - _low));
            double rank = Math.Clamp(Math.Round(AreaInverse(u)), 1, _n);
            if (u >= Area(rank + 0.5) - Math.Pow(rank, -_theta))
            {
                // Above 2^53 the clamp's n may round up.
                return Math.Min((ulong)rank, _n);
            }
        }
    }

    /// <summary>The integral of x^-theta.</summary>
    private double Area(double x) => _theta == 1 ? Math.Log(x) : Math.Pow(x, 1 - _theta) / (1 - _theta);

    private double AreaInverse(double area) => _theta == 1 ? Math.Exp(area) : Math.Pow(area * (1 - _theta), 1 / (1 - _theta));
}
