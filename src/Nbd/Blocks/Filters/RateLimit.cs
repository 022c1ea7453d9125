namespace Harness.Nbd;

/// <summary>
/// A rate that many share: each asks when its turn is, and the turns are given in the order of asking. A leaky bucket, kept as the one time at which all that
/// was asked for so far will have been paid off. Any thread may ask; no lock is taken.
/// </summary>
/// <param name="perSecond">Units per second, above 0.</param>
/// <param name="burstNs">For how long unused units are saved up, in nanoseconds.</param>
internal sealed class RateLimit(double perSecond, long burstNs)
{
    private const double NsPerSecond = 1e9;

    // Long ago: the first burst is saved up from the start.
    private long _paidOffNs = long.MinValue / 2;

    /// <summary>Takes some units; returns when they are there, on the same clock, at or after <paramref name="nowNs"/>.</summary>
    /// <param name="nowNs">Now.</param>
    /// <param name="units">How many; more than are ever saved up take as long as they take.</param>
    public long Reserve(long nowNs, long units)
    {
        long costNs = (long)Math.Min(units * NsPerSecond / perSecond, long.MaxValue / 4);
        while (true)
        {
            long paidOffNs = Volatile.Read(ref _paidOffNs);
            long startNs = Math.Max(paidOffNs, nowNs - burstNs);
            long endNs = startNs + Math.Min(costNs, (long.MaxValue / 2) - Math.Min(startNs, long.MaxValue / 2));
            if (Interlocked.CompareExchange(ref _paidOffNs, endNs, paidOffNs) == paidOffNs)
            {
                return Math.Max(nowNs, startNs);
            }
        }
    }
}
