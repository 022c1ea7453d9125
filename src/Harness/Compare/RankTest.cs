using MathNet.Numerics;
using MathNet.Numerics.Distributions;

namespace Harness.Compare;

/// <summary>
/// The one-sided test of Mann and Whitney ("On a test of whether one of two random variables is stochastically larger than the other", 1947): how
/// often chance alone would put one sample this far above the other. It asks only for the order of the values, so that the long tails of times
/// on a shared machine do it no harm.
/// </summary>
/// <remarks>
/// Exact for small samples, also where values are equal: the p-value counts all ways to divide the pooled ranks, ties sharing their mean rank.
/// Perfolizer 0.3.17 takes the distribution without ties and so comes out too small where there are some (0.048 for 0.060), which cries wolf;
/// without ties the two agree, and a test holds them together.
/// </remarks>
internal static class RankTest
{
    // Above this many values the exact count takes noticeable time and the normal approximation is good to three digits.
    private const int ExactUpTo = 80;

    /// <summary>The probability, were both samples of one kind, that <paramref name="high"/> stands at least this far above <paramref name="low"/>.</summary>
    public static double GreaterP(IReadOnlyList<double> high, IReadOnlyList<double> low)
    {
        if (high.Count == 0 || low.Count == 0)
        {
            return 1;
        }
        int[] ranks = DoubledRanks([.. high, .. low]);
        int observed = ranks.Take(high.Count).Sum();
        return ranks.Length <= ExactUpTo ? ExactP(ranks, high.Count, observed) : NormalP(ranks, high.Count, observed);
    }

    /// <summary>The smallest p-value that samples of these sizes can give: every value of one above every value of the other.</summary>
    public static double SmallestP(int high, int low) => Math.Exp(-SpecialFunctions.BinomialLn(high + low, high));

    /// <summary>The rounds on either side from which on a difference can show itself among this many tests.</summary>
    public static int RoundsNeeded(int tests, double falseAlarmRate)
    {
        int rounds = 2;
        while (SmallestP(rounds, rounds) * Math.Max(1, tests) > falseAlarmRate)
        {
            rounds++;
        }
        return rounds;
    }

    // Twice the rank, so that the mean rank of ties is a whole number.
    private static int[] DoubledRanks(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return [.. values.Select(value => Array.IndexOf(sorted, value) + Array.LastIndexOf(sorted, value) + 2)];
    }

    private static double ExactP(int[] ranks, int take, int observed)
    {
        // ways[k, s]: in how many ways k of the ranks seen so far add up to s.
        int most = ranks.Sum();
        var ways = new double[take + 1, most + 1];
        ways[0, 0] = 1;
        foreach (int rank in ranks)
        {
            for (int k = take; k > 0; k--)
            {
                for (int sum = most; sum >= rank; sum--)
                {
                    ways[k, sum] += ways[k - 1, sum - rank];
                }
            }
        }
        double all = 0;
        double asFar = 0;
        for (int sum = 0; sum <= most; sum++)
        {
            all += ways[take, sum];
            asFar += sum >= observed ? ways[take, sum] : 0;
        }
        return asFar / all;
    }

    private static double NormalP(int[] ranks, int take, int observed)
    {
        double n = ranks.Length;
        double rest = n - take;
        double ties = ranks.GroupBy(rank => rank).Sum(group => Math.Pow(group.Count(), 3) - group.Count());
        double deviation = Math.Sqrt(take * rest / 12 * (n + 1 - (ties / (n * (n - 1)))));
        double expected = take * (n + 1) / 2;
        return deviation == 0 ? 1 : 1 - Normal.CDF(0, 1, ((observed / 2.0) - expected - 0.5) / deviation);
    }
}
