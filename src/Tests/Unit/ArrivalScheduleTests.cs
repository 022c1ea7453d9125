using Harness.Load;

namespace Harness.Tests;

/// <summary>The schedule of an open loop: exact where it is constant, and of the right distribution where it is not.</summary>
public class ArrivalScheduleTests
{
    private const long SecondNs = 1_000_000_000;

    // A quarter of a year on the monotonic clock: larger than what a double counts in whole nanoseconds.
    private const long UptimeNs = 90L * 86_400 * SecondNs;

    [Theory]
    [InlineData(3)]
    [InlineData(7_777)]
    [InlineData(999_983)]
    [InlineData(1_000_000)]
    [InlineData(333_333_333)]
    [InlineData(1_000_000_000)]
    public void A_constant_schedule_never_drifts(long rate)
    {
        // With --full a thousand million arrivals, as many as a day at 11,574 per second.
        long arrivals = TestScale.Pick(3_000_000L, 1_000_000_000L);
        var schedule = new ArrivalSchedule(ArrivalProcess.Constant, rate, seed: 1);
        schedule.Start(UptimeNs);
        for (long i = 0; i <= arrivals; i++)
        {
            if ((i & 0xffff) == 0 || i == arrivals)
            {
                Assert.Equal(UptimeNs + (long)((UInt128)i * SecondNs / (UInt128)rate), schedule.NextNs);
            }

            schedule.Advance();
        }
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(1_000_000)]
    public void Poisson_gaps_have_the_right_mean_and_distribution(long rate)
    {
        int count = TestScale.Pick(200_000, 2_000_000);
        double meanNs = (double)SecondNs / rate;
        double[] gaps = Gaps(rate, count, seed: 42);

        // The mean of n exponential gaps varies by mean / √n; four of those are one chance in sixteen thousand, and the seed is fixed.
        Assert.InRange(gaps.Average(), meanNs * (1 - (4 / Math.Sqrt(count))), meanNs * (1 + (4 / Math.Sqrt(count))));

        // Gaps come in whole nanoseconds, so each value stands for all that lies within a nanosecond of it.
        double distance = KolmogorovSmirnov(gaps, gap => 1 - Math.Exp(-gap / meanNs));
        Assert.InRange(distance, 0, CriticalDistance(count));
    }

    [Fact]
    public void The_distribution_test_would_see_gaps_of_whole_microseconds_or_even_ones()
    {
        double[] exponential = Gaps(1_000_000, 200_000, seed: 42);
        double[] truncated = [.. exponential.Select(gap => Math.Floor(gap / 1000) * 1000)];
        Assert.True(KolmogorovSmirnov(truncated, gap => 1 - Math.Exp(-gap / 1000)) > 10 * CriticalDistance(truncated.Length));
        double[] even = [.. Enumerable.Repeat(1000.0, 200_000)];
        Assert.True(KolmogorovSmirnov(even, gap => 1 - Math.Exp(-gap / 1000)) > 10 * CriticalDistance(even.Length));
    }

    [Fact]
    public void Gaps_are_independent_of_each_other()
    {
        double[] gaps = Gaps(1_000_000, 200_000, seed: 7);
        double mean = gaps.Average();
        double covariance = gaps.Zip(gaps.Skip(1), (a, b) => (a - mean) * (b - mean)).Average();
        Assert.InRange(covariance / (mean * mean), -4 / Math.Sqrt(gaps.Length), 4 / Math.Sqrt(gaps.Length));
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(7_777)]
    public void A_poisson_schedule_is_the_sum_of_its_gaps_to_the_nanosecond(long rate)
    {
        var schedule = new ArrivalSchedule(ArrivalProcess.Poisson, rate, seed: 5);
        schedule.Start(UptimeNs);
        var random = new SplitMix64(~5UL);
        decimal sum = 0;
        for (int i = 0; i < 300_000; i++)
        {
            // 28 digits, in which nothing is lost that a double of this size holds.
            sum += (decimal)(random.NextExponential() * SecondNs / rate);
            Assert.InRange(UptimeNs + sum - schedule.NextNs, -0.001m, 1.001m);
            schedule.Advance();
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_schedule_and_beginning_anew_repeats_it()
    {
        Assert.Equal(Gaps(1000, 100, seed: 1), Gaps(1000, 100, seed: 1));
        Assert.NotEqual(Gaps(1000, 100, seed: 1), Gaps(1000, 100, seed: 2));
        var schedule = new ArrivalSchedule(ArrivalProcess.Poisson, 1000, seed: 1);
        schedule.Start(0);
        long first = schedule.NextNs;
        schedule.SkipUntil(SecondNs);
        schedule.Start(5);
        Assert.Equal(first + 5, schedule.NextNs);
    }

    [Fact]
    public void What_is_skipped_is_counted()
    {
        var schedule = new ArrivalSchedule(ArrivalProcess.Constant, 1000, seed: 1);
        schedule.Start(0);
        Assert.Equal(1000, schedule.SkipUntil(SecondNs));
        Assert.Equal(SecondNs, schedule.NextNs);
        Assert.Equal(0, schedule.SkipUntil(SecondNs));
    }

    private static double[] Gaps(long rate, int count, ulong seed)
    {
        var schedule = new ArrivalSchedule(ArrivalProcess.Poisson, rate, seed);
        schedule.Start(UptimeNs);
        double[] gaps = new double[count];
        for (int i = 0; i < count; i++)
        {
            long before = schedule.NextNs;
            schedule.Advance();
            gaps[i] = schedule.NextNs - before;
        }

        return gaps;
    }

    /// <summary>The largest difference between the sample's distribution function and the one that it should have.</summary>
    private static double KolmogorovSmirnov(double[] sample, Func<double, double> distribution)
    {
        double[] sorted = [.. sample.Order()];
        double distance = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            // Equal values are one step of the sample's function: compared just before it and just after it, half a nanosecond either way.
            if (i == 0 || sorted[i] != sorted[i - 1])
            {
                distance = Math.Max(distance, Math.Abs(distribution(sorted[i] - 0.5) - ((double)i / sorted.Length)));
            }

            if (i + 1 == sorted.Length || sorted[i + 1] != sorted[i])
            {
                distance = Math.Max(distance, Math.Abs(((double)(i + 1) / sorted.Length) - distribution(sorted[i] + 0.5)));
            }
        }

        return distance;
    }

    /// <summary>What a good sample exceeds once in a hundred times (Kolmogorov's limit for large n).</summary>
    private static double CriticalDistance(int count) => 1.628 / Math.Sqrt(count);
}
