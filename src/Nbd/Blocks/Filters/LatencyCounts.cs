using System.Numerics;

namespace Harness.Nbd;

/// <summary>
/// How often which latency was seen: eight classes to each power of two, so that a value read back is at most an eighth too large. Fixed memory; written by
/// one thread.
/// </summary>
internal sealed class LatencyCounts
{
    private const int ClassBits = 3;
    private const int Classes = 1 << ClassBits;

    private readonly long[] _counts = new long[(64 - ClassBits) * Classes];

    /// <summary>How many values were recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The largest, exactly.</summary>
    public long Max { get; private set; }

    /// <summary>Records one value, in nanoseconds; one below 0 counts as 0.</summary>
    public void Record(long ns)
    {
        ns = Math.Max(ns, 0);
        _counts[IndexOf(ns)]++;
        Count++;
        Max = Math.Max(Max, ns);
    }

    /// <summary>Adds another's counts.</summary>
    public void Add(LatencyCounts other)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }

        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>The classes in which there is something, from the shortest on.</summary>
    public IEnumerable<LatencyClass> Seen =>
        Enumerable.Range(0, _counts.Length).Where(i => _counts[i] > 0).Select(i => new LatencyClass(Math.Min(EndOf(i), Max), _counts[i]));

    /// <summary>The value that a share of all do not exceed: the upper end of its class, and never more than the largest.</summary>
    /// <param name="share">0 to 1, such as 0.99.</param>
    public long Percentile(double share)
    {
        long left = Math.Max(1, (long)Math.Ceiling(Count * share));
        for (int i = 0; i < _counts.Length; i++)
        {
            left -= _counts[i];
            if (left <= 0)
            {
                return Math.Min(EndOf(i), Max);
            }
        }

        return Max;
    }

    // Values below 8 have a class each; above, the leading bit says which eight, and the three bits after it which of them.
    private static int IndexOf(long ns)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)ns) - ClassBits);
        return (shift * Classes) + (int)(ns >> shift);
    }

    private static long EndOf(int index)
    {
        int shift = Math.Max(0, (index / Classes) - 1);
        return ((((long)index - (shift * Classes)) + 1) << shift) - 1;
    }
}
