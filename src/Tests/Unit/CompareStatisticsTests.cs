using System.Numerics;
using Harness.Compare;
using Harness.Load;
using Perfolizer;
using Perfolizer.Mathematics.SignificanceTesting.Base;
using Perfolizer.Mathematics.SignificanceTesting.MannWhitney;
using Perfolizer.Metrology;

namespace Harness.Tests.Unit;

public class CompareStatisticsTests
{
    [Theory]
    [InlineData(new double[] { 6, 7, 8, 9, 10 }, new double[] { 1, 2, 3, 4, 5 })]
    [InlineData(new double[] { 6, 7, 8, 4.5, 10 }, new double[] { 1, 2, 3, 4, 5 })]
    [InlineData(new double[] { 1, 1, 1, 2, 2 }, new double[] { 1, 1, 1, 1, 1 })]
    [InlineData(new double[] { 1, 1, 1, 1, 1 }, new double[] { 1, 1, 1, 1, 1 })]
    [InlineData(new double[] { 2, 2, 3, 2, 2 }, new double[] { 1, 1, 2, 2, 1 })]
    [InlineData(new double[] { 3, 1 }, new double[] { 2, 4, 5, 6, 7, 0, 3 })]
    public void The_rank_tests_p_value_counts_every_way_to_divide_the_values(double[] high, double[] low) =>
        Assert.Equal(ByEnumeration(high, low), RankTest.GreaterP(high, low), 12);

    [Fact]
    public void Without_ties_it_is_Perfolizers()
    {
        var random = new SplitMix64(5);
        for (int n = 3; n <= 12; n++)
        {
            double[] high = Values(n, ref random);
            double[] low = Values(n + 1, ref random);
            var theirs = new MannWhitneyTest().Perform(new Sample(high), new Sample(low), AlternativeHypothesis.Greater, new Threshold(NumberValue.Of(0)));
            Assert.Equal((double)theirs.PValue, RankTest.GreaterP(high, low), 9);
        }
    }

    [Fact]
    public void Large_samples_go_over_to_the_normal_approximation_without_a_jump()
    {
        var random = new SplitMix64(6);
        double[] low = Values(60, ref random);
        double[] high = [.. Values(60, ref random).Select(value => value + 0.1)];
        Assert.Equal(RankTest.GreaterP(high[..40], low[..40]), NormalOfTheSame(high[..40], low[..40]), 2);
        Assert.InRange(RankTest.GreaterP(high, low), 0.0, 0.2);
        Assert.Equal(1, RankTest.GreaterP(Enumerable.Repeat(1.0, 60).ToArray(), Enumerable.Repeat(1.0, 60).ToArray()));

        // Both samples three times over are large; their p-value is near that of a sample with three times the ranks.
        static double NormalOfTheSame(double[] a, double[] b)
        {
            double u = a.Sum(x => b.Count(y => x > y));
            double z = (u - (a.Length * b.Length / 2.0) - 0.5) / Math.Sqrt(a.Length * b.Length * (a.Length + b.Length + 1) / 12.0);
            return 1 - MathNet.Numerics.Distributions.Normal.CDF(0, 1, z);
        }
    }

    [Theory]
    [InlineData(5, 1 / 252.0)]
    [InlineData(10, 1 / 184756.0)]
    public void The_smallest_p_value_is_that_of_complete_separation(int rounds, double p)
    {
        Assert.Equal(p, RankTest.SmallestP(rounds, rounds), 12);
        double[] low = [.. Enumerable.Range(0, rounds).Select(i => (double)i)];
        Assert.Equal(p, RankTest.GreaterP([.. low.Select(value => value + rounds)], low), 12);
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(15, 7)]
    [InlineData(60, 8)]
    [InlineData(240, 9)]
    [InlineData(1800, 10)]
    public void The_rounds_that_would_do_are_the_fewest_that_can_show_a_difference(int tests, int rounds)
    {
        Assert.Equal(rounds, RankTest.RoundsNeeded(tests, 0.01));
        Assert.True(RankTest.SmallestP(rounds, rounds) * tests <= 0.01);
        Assert.True(RankTest.SmallestP(rounds - 1, rounds - 1) * tests > 0.01);
    }

    // The worked example of Holm's procedure: times 4, 3, 2, 1 in the order of size, never falling.
    [Fact]
    public void Holms_correction_counts_the_smallest_most() =>
        Assert.Equal([0.03, 0.06, 0.06, 0.02], HolmCorrection.Adjust([0.01, 0.04, 0.03, 0.005]).Select(p => Math.Round(p, 12)));

    [Fact]
    public void The_interval_of_a_ratio_holds_the_ratio_and_is_the_same_every_time()
    {
        double[] was = [10, 11, 12, 11, 10];
        double[] now = [20, 22, 24, 22, 20];
        var ratio = BootstrapRatio.Of(was, now)!;
        Assert.Equal(2, ratio.Value);
        Assert.InRange(ratio.Low, 1.6, 2);
        Assert.InRange(ratio.High, 2, 2.4);
        Assert.Equal(ratio, BootstrapRatio.Of(was, now));
        Assert.Null(BootstrapRatio.Of([0, 0, 0], now));
    }

    // It promises 95 %; with ten rounds the percentile bootstrap of a median keeps nearly that.
    [Fact]
    public void The_interval_covers_the_true_ratio_about_as_often_as_it_says()
    {
        var random = new SplitMix64(3);
        int trials = TestScale.Pick(300, 3000);
        int covered = 0;
        for (int i = 0; i < trials; i++)
        {
            var (was, now) = (new double[10], new double[10]);
            for (int k = 0; k < 10; k++)
            {
                was[k] = CompareSamples.Noisy(10, ref random);
                now[k] = CompareSamples.Noisy(15, ref random);
            }
            var ratio = BootstrapRatio.Of(was, now)!;
            covered += ratio.Low <= 1.5 && 1.5 <= ratio.High ? 1 : 0;
        }
        Assert.InRange(covered / (double)trials, 0.91, 1);
    }

    private static double[] Values(int count, ref SplitMix64 random)
    {
        var values = new double[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = random.Next() / (double)ulong.MaxValue;
        }
        return values;
    }

    private static double ByEnumeration(double[] high, double[] low)
    {
        double[] all = [.. high, .. low];
        double observed = WinsOf(high, low);
        int ways = 0;
        int asFar = 0;
        for (uint mask = 0; mask < 1u << all.Length; mask++)
        {
            if (BitOperations.PopCount(mask) == high.Length)
            {
                ways++;
                double[] mine = [.. all.Where((_, i) => (mask >> i & 1) != 0)];
                double[] others = [.. all.Where((_, i) => (mask >> i & 1) == 0)];
                asFar += WinsOf(mine, others) >= observed ? 1 : 0;
            }
        }
        return (double)asFar / ways;
    }

    private static double WinsOf(double[] high, double[] low) => high.Sum(x => low.Sum(y => x > y ? 1 : x == y ? 0.5 : 0));
}
