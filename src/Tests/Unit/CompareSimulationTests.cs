using Harness.Compare;
using Harness.Load;

namespace Harness.Tests.Unit;

/// <summary>What the statistics promise, held against rounds whose truth is known: noise with the long tails of a shared machine, seeded.</summary>
public class CompareSimulationTests
{
    private const int Rounds = 10;
    private const int Figures = 12;

    // With no minimum effect the test itself is on trial, without the help of the limit.
    [Theory]
    [InlineData(0)]
    [InlineData(0.03)]
    public void A_build_against_itself_raises_an_alarm_in_one_of_a_hundred_comparisons_at_most(double minEffect)
    {
        var random = new SplitMix64(2026);
        int comparisons = TestScale.Pick(40, 1000);
        int alarms = 0;
        for (int i = 0; i < comparisons; i++)
        {
            alarms += Compare(minEffect, 1, ref random).Any(result => result.Verdict == Verdict.Worse) ? 1 : 0;
        }
        // Three standard deviations above what is promised; with the minimum effect, next to none are left.
        double promised = comparisons * RankRules.FalseAlarmRate;
        Assert.True(alarms <= (minEffect > 0 ? promised : promised + (3 * Math.Sqrt(promised))), $"{alarms} alarms in {comparisons} comparisons");
    }

    [Fact]
    public void A_figure_that_is_ten_percent_worse_is_found_among_many_and_no_other_one_is()
    {
        var random = new SplitMix64(7);
        for (int i = 0; i < 20; i++)
        {
            var results = Compare(0.03, 1.1, ref random);
            // Two of twenty neighbours are enough to hide one tenth from ten rounds once in a while, but never to make a verdict of another kind.
            Assert.True(results[0].Verdict is Verdict.Worse or Verdict.CannotSay);
            Assert.DoesNotContain(results.Skip(1), result => result.Verdict is Verdict.Worse or Verdict.Better);
        }
    }

    // 12 µs for 7: what a busy wait of 5 µs makes of a round trip in a loop that spins.
    [Theory]
    [InlineData(12 / 7.0, "worse")]
    [InlineData(7 / 12.0, "better")]
    public void A_busy_wait_in_a_short_round_trip_is_found_every_time(double factor, string verdict)
    {
        var random = new SplitMix64(8);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(verdict, Compare(0.03, factor, ref random)[0].Verdict.Words());
        }
    }

    [Fact]
    public void A_shift_below_the_minimum_effect_is_no_regression()
    {
        var random = new SplitMix64(9);
        for (int i = 0; i < 20; i++)
        {
            Assert.NotEqual(Verdict.Worse, Compare(0.2, 1.1, ref random)[0].Verdict);
        }
    }

    [Fact]
    public void Of_a_speed_less_is_worse()
    {
        var result = Judge(new Figure { Name = "iops", Kind = FigureKind.Timed, HigherIsBetter = true, Read = _ => null }, 5, i => 100 + i, i => 50 + i);
        Assert.Equal(Verdict.Worse, result.Verdict);
        Assert.Equal(0.51, Math.Round(result.Ratio!.Value, 2));
    }

    [Fact]
    public void Too_few_rounds_say_how_many_would_do()
    {
        var result = Judge(Figure, 3, i => 100 + i, i => 200 + i);
        Assert.Equal(Verdict.CannotSay, result.Verdict);
        Assert.Equal("too few rounds to tell a difference from chance: 3; 5 on either side would do", result.Reason);
    }

    [Fact]
    public void A_wide_interval_is_not_called_the_same()
    {
        var result = Judge(Figure, 8, i => 100 + (10 * i), i => 101 + (10 * i));
        Assert.Equal(Verdict.CannotSay, result.Verdict);
        Assert.StartsWith("the interval is wider than the 3 % sought", result.Reason);
    }

    [Fact]
    public void Next_to_nothing_is_the_same_as_nothing()
    {
        var figure = Figure with { LeastChange = 0.001 };
        Assert.Equal(Verdict.Same, Judge(figure, 5, _ => 0, i => 0.0001 * i).Verdict);
        Assert.Equal(Verdict.Worse, Judge(figure, 5, _ => 0, i => 0.1 + (0.0001 * i)).Verdict);
    }

    // After BASE was measured for an hour, NEW may find other neighbours.
    [Fact]
    public void Rounds_that_were_not_measured_in_turns_must_differ_by_more_than_drift()
    {
        var drift = Judge(Figure, 8, i => 100 + (0.1 * i), i => 115 + (0.1 * i), inTurns: false);
        Assert.Equal(Verdict.CannotSay, drift.Verdict);
        Assert.EndsWith("measure them in turns", drift.Reason);
        Assert.Equal(Verdict.Worse, Judge(Figure, 8, i => 100 + (0.1 * i), i => 115 + (0.1 * i)).Verdict);
        Assert.Equal(Verdict.Worse, Judge(Figure, 8, i => 100 + (0.1 * i), i => 140 + (0.1 * i), inTurns: false).Verdict);
    }

    private static Figure Figure => new() { Name = "figure", Kind = FigureKind.Timed, Read = _ => null };

    private static FigureResult Judge(Figure figure, int rounds, Func<int, double> was, Func<int, double> now, bool inTurns = true)
    {
        var judge = new RankJudge(new RankRules { MinEffect = 0.03, InTurns = inTurns });
        judge.Add(figure, Each(rounds, was), Each(rounds, now));
        return judge.Judge()[0];
    }

    private static Rounds Each(int rounds, Func<int, double> value) => new([.. Enumerable.Range(1, rounds).Select(value)]);

    /// <summary>One comparison; the first figure of NEW is <paramref name="factor"/> times what it was.</summary>
    private static IReadOnlyList<FigureResult> Compare(double minEffect, double factor, ref SplitMix64 random)
    {
        var judge = new RankJudge(new RankRules { MinEffect = minEffect, InTurns = true });
        for (int figure = 0; figure < Figures; figure++)
        {
            var (was, now) = (new double[Rounds], new double[Rounds]);
            for (int round = 0; round < Rounds; round++)
            {
                was[round] = CompareSamples.Noisy(10, ref random);
                now[round] = CompareSamples.Noisy(figure == 0 ? 10 * factor : 10, ref random);
            }
            judge.Add(Figure, new Rounds(was), new Rounds(now));
        }
        return judge.Judge();
    }
}
