using Harness.Load;

namespace Harness.Compare;

/// <summary>
/// Change points of a series by E-Divisive (Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data",
/// 2014), which MongoDB and Hunter use on benchmark histories (Daly et al., "The use of change point detection to identify software performance
/// regressions in a continuous integration system", 2020). A segment is divided where the distances across are largest against those within (the
/// energy statistic); the place stands where shuffling the values within the segments seldom does as well, and then the search goes on.
/// </summary>
internal static class EDivisive
{
    /// <summary>The shortest series in which a change in the middle can be told from chance at <see cref="Significance"/>.</summary>
    public const int LeastValues = 10;

    /// <summary>One steady series in a hundred shows a change.</summary>
    public const double Significance = 0.01;

    private const int Permutations = 199;

    // A change that is two runs old is as likely two unlucky runs.
    private const int LeastSegment = 3;

    /// <summary>The indexes at which a new level begins, in order; none for a series shorter than <see cref="LeastValues"/>.</summary>
    public static IReadOnlyList<int> ChangePoints(IReadOnlyList<double> series)
    {
        if (series.Count < LeastValues)
        {
            return [];
        }
        double[] values = [.. series];
        var ends = new SortedSet<int> { 0, values.Length };
        var random = new SplitMix64(1);
        while (Best(values, ends) is (var at, > 0 and var divergence) && Chance(values, ends, divergence, ref random) <= Significance)
        {
            ends.Add(at);
        }
        return [.. ends.Where(end => end > 0 && end < values.Length)];
    }

    /// <summary>The share of shufflings that divide as well as the series itself does.</summary>
    private static double Chance(double[] values, SortedSet<int> ends, double divergence, ref SplitMix64 random)
    {
        var shuffled = new double[values.Length];
        int asGood = 1;
        for (int i = 0; i < Permutations; i++)
        {
            values.CopyTo(shuffled, 0);
            foreach (var (from, to) in Segments(ends))
            {
                Shuffle(shuffled.AsSpan(from..to), ref random);
            }
            asGood += Best(shuffled, ends).Divergence >= divergence ? 1 : 0;
        }
        return asGood / (Permutations + 1.0);
    }

    private static (int At, double Divergence) Best(double[] values, SortedSet<int> ends)
    {
        var best = (At: 0, Divergence: 0.0);
        foreach (var (from, to) in Segments(ends))
        {
            var (at, divergence) = Best(values.AsSpan(from..to));
            best = divergence > best.Divergence ? (from + at, divergence) : best;
        }
        return best;
    }

    /// <summary>The best place to divide one segment. Goes through it once, with the sums of distances kept up to date.</summary>
    private static (int At, double Divergence) Best(ReadOnlySpan<double> segment)
    {
        double within = 0;
        double across = 0;
        double beyond = 0;
        for (int i = 0; i < segment.Length; i++)
        {
            beyond += Distances(segment[..i], segment[i]);
        }
        var best = (At: 0, Divergence: 0.0);
        for (int at = 1; at <= segment.Length - LeastSegment; at++)
        {
            // The value before the division changes sides.
            double moved = segment[at - 1];
            double toLeft = Distances(segment[..(at - 1)], moved);
            double toRight = Distances(segment[at..], moved);
            within += toLeft;
            across += toRight - toLeft;
            beyond -= toRight;
            double divergence = at < LeastSegment ? 0 : Divergence(at, segment.Length - at, within, across, beyond);
            best = divergence > best.Divergence ? (at, divergence) : best;
        }
        return best;
    }

    // Equation 5 and 6 of the paper with alpha = 1, in sums over pairs.
    private static double Divergence(double left, double right, double within, double across, double beyond) =>
        left * right / (left + right)
        * ((2 * across / (left * right)) - (2 * within / (left * (left - 1))) - (2 * beyond / (right * (right - 1))));

    private static double Distances(ReadOnlySpan<double> values, double from)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += Math.Abs(value - from);
        }
        return sum;
    }

    private static IEnumerable<(int From, int To)> Segments(SortedSet<int> ends) => ends.Zip(ends.Skip(1));

    private static void Shuffle(Span<double> values, ref SplitMix64 random)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = (int)random.Below((ulong)(i + 1));
            (values[i], values[j]) = (values[j], values[i]);
        }
    }
}
