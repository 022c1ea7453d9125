using Harness.Load;
using MathNet.Numerics.Statistics;

namespace Harness.Compare;

/// <summary>NEW over BASE: the ratio of the medians over the rounds, and where it lies with 95 % confidence.</summary>
/// <param name="Value">The ratio of the medians.</param>
/// <param name="Low">The lower end of the interval.</param>
/// <param name="High">The upper end.</param>
internal sealed record RatioInterval(double Value, double Low, double High);

/// <summary>
/// The percentile bootstrap (Efron, "Bootstrap methods: another look at the jackknife", 1979): rounds are drawn with replacement from each side, over
/// and over, and the middle 95 % of the ratios of their medians is the interval. Seeded, so that the same runs give the same interval every time.
/// With five rounds it is a little too narrow, which is why no alarm rests on it: alarms are the rank test's, this one says how large.
/// </summary>
internal static class BootstrapRatio
{
    private const int Resamples = 1000;
    private const double Outside = 0.025;

    /// <summary>Null where there is no ratio, since BASE's median is not above zero.</summary>
    public static RatioInterval? Of(IReadOnlyList<double> baseRounds, IReadOnlyList<double> newRounds)
    {
        if (baseRounds.Count == 0 || newRounds.Count == 0 || baseRounds.Median() <= 0)
        {
            return null;
        }
        var random = new SplitMix64(1);
        var ratios = new double[Resamples];
        double[] baseValues = [.. baseRounds];
        double[] newValues = [.. newRounds];
        var below = new double[baseValues.Length];
        var above = new double[newValues.Length];
        for (int i = 0; i < Resamples; i++)
        {
            double divisor = ResampledMedian(baseValues, below, ref random);
            double median = ResampledMedian(newValues, above, ref random);
            ratios[i] = divisor > 0 ? median / divisor : double.PositiveInfinity;
        }
        Array.Sort(ratios);
        return new RatioInterval(
            newRounds.Median() / baseRounds.Median(),
            ratios[(int)(Resamples * Outside)],
            ratios[(int)(Resamples * (1 - Outside)) - 1]);
    }

    private static double ResampledMedian(double[] rounds, double[] drawn, ref SplitMix64 random)
    {
        for (int i = 0; i < drawn.Length; i++)
        {
            drawn[i] = rounds[(int)random.Below((ulong)rounds.Length)];
        }
        return ArrayStatistics.MedianInplace(drawn);
    }
}
