using System.Globalization;

namespace Harness.Compare;

/// <summary>How figures are judged over rounds; the same for every comparison.</summary>
internal sealed record RankRules
{
    /// <summary>The chance that a comparison of a build with itself raises any alarm at all.</summary>
    public const double FalseAlarmRate = 0.01;

    /// <summary>
    /// What the same build differed by between two runs one after the other on shared virtual machines, where neighbours come and go. Rounds that
    /// were not measured in turns must differ by more than this.
    /// </summary>
    public const double DriftAllowance = 0.25;

    /// <summary>The least relative change that matters.</summary>
    public required double MinEffect { get; init; }

    /// <summary>Whether BASE and NEW were measured in turns.</summary>
    public required bool InTurns { get; init; }

    /// <summary>The change that an alarm has to exceed.</summary>
    public double AlarmEffect => InTurns ? MinEffect : Math.Max(MinEffect, DriftAllowance);
}

/// <summary>
/// Judges the figures that are never quite the same, all of a comparison at once. An alarm needs NEW's rounds to rank above BASE's after these were
/// raised by the least change that matters (<see cref="RankTest"/>), at a rate of false alarms that holds for the whole comparison
/// (<see cref="HolmCorrection"/>): so it means "worse by more than the minimum effect", not "not exactly equal". The interval of the ratio
/// (<see cref="BootstrapRatio"/>) says the opposite, that a difference which matters would have been seen, or that it would not.
/// </summary>
internal sealed class RankJudge(RankRules rules)
{
    private readonly List<Test> _tests = [];

    /// <summary>Adds a figure; the result comes with <see cref="Judge"/>, at the index that is returned.</summary>
    public int Add(Figure figure, Rounds was, Rounds now)
    {
        (Rounds good, Rounds bad) = figure.HigherIsBetter ? (now, was) : (was, now);
        _tests.Add(new Test(figure, was, now, LieTogether(figure, was, now), Exceeding(figure, good, bad), Exceeding(figure, bad, good)));
        return _tests.Count - 1;
    }

    /// <summary>All verdicts, in the order of <see cref="Add"/>.</summary>
    public IReadOnlyList<FigureResult> Judge()
    {
        int[] open = [.. Enumerable.Range(0, _tests.Count).Where(i => !_tests[i].LieTogether)];
        // Each direction keeps the promise by itself: what looks better cannot make an alarm.
        double[] worse = HolmCorrection.Adjust([.. open.Select(i => _tests[i].Worse)]);
        double[] better = HolmCorrection.Adjust([.. open.Select(i => _tests[i].Better)]);
        FigureResult[] results = [.. _tests.Select(Together)];
        for (int i = 0; i < open.Length; i++)
        {
            results[open[i]] = Result(_tests[open[i]], worse[i], better[i], open.Length);
        }
        return results;
    }

    /// <summary>
    /// Whether all rounds of both sides together lie within the minimum effect, so that no test is needed. Which side a round is of has no say in
    /// this, so leaving such figures out of the correction keeps its promise (independent filtering).
    /// </summary>
    private bool LieTogether(Figure figure, Rounds was, Rounds now)
    {
        double lowest = Math.Min(was.Lowest, now.Lowest);
        return Math.Max(was.Highest, now.Highest) <= Raised(figure, lowest, rules.MinEffect);
    }

    private double Exceeding(Figure figure, Rounds low, Rounds high) =>
        RankTest.GreaterP(high.Values, [.. low.Values.Select(value => Raised(figure, value, rules.AlarmEffect))]);

    private static double Raised(Figure figure, double value, double effect) => Math.Max(value * (1 + effect), value + figure.LeastChange);

    private FigureResult Together(Test test)
    {
        var result = WithInterval(test);
        return IsTooFew(test, 1) ? result with { Verdict = Verdict.CannotSay, Reason = TooFew(test, 1) } : result with { Verdict = Verdict.Same };
    }

    private FigureResult Result(Test test, double worse, double better, int tests)
    {
        var result = WithInterval(test) with { P = Math.Min(worse, better) };
        if (result.P <= RankRules.FalseAlarmRate)
        {
            return result with { Verdict = worse < better ? Verdict.Worse : Verdict.Better };
        }
        string? doubt = Doubt(test, result, tests);
        return result with { Verdict = doubt is null ? Verdict.Same : Verdict.CannotSay, Reason = doubt };
    }

    /// <summary>Why "same" cannot be said either; null where it can.</summary>
    private string? Doubt(Test test, FigureResult result, int tests)
    {
        if (IsTooFew(test, 1) || (IsTooFew(test, tests) && Math.Min(test.Worse, test.Better) <= RankRules.FalseAlarmRate))
        {
            return TooFew(test, tests);
        }
        if (result is not { RatioLow: { } low, RatioHigh: { } high })
        {
            return "BASE is zero and NEW is not in every round, so there is no ratio";
        }
        if (low >= 1 / (1 + rules.MinEffect) && high <= 1 + rules.MinEffect)
        {
            return null;
        }
        string effect = Percent(rules.MinEffect);
        if (!rules.InTurns && (low > 1 + rules.MinEffect || high < 1 / (1 + rules.MinEffect)))
        {
            return $"differs, but NEW was measured after BASE, and drift alone reaches {Percent(RankRules.DriftAllowance)} on shared machines; measure them in turns";
        }
        return high / low > (1 + rules.MinEffect) * (1 + rules.MinEffect)
            ? $"the interval is wider than the {effect} sought; more rounds, or longer ones, narrow it"
            : $"the interval lies across the limit of {effect}; more rounds would tell";
    }

    private static bool IsTooFew(Test test, int tests) => RankTest.SmallestP(test.Was.Count, test.Now.Count) * tests > RankRules.FalseAlarmRate;

    private static string TooFew(Test test, int tests)
    {
        string rounds = test.Was.Count == test.Now.Count ? $"{test.Was.Count}" : $"{test.Was.Count} and {test.Now.Count}";
        string many = tests > 1 ? $" among {tests} figures" : "";
        return $"too few rounds to tell a difference from chance{many}: {rounds}; {RankTest.RoundsNeeded(tests, RankRules.FalseAlarmRate)} on either side would do";
    }

    private static FigureResult WithInterval(Test test)
    {
        var result = FigureResult.Of(test.Figure, test.Was, test.Now);
        return BootstrapRatio.Of(test.Was.Values, test.Now.Values) is { } ratio
            ? result with { Ratio = ratio.Value, RatioLow = ratio.Low, RatioHigh = double.IsFinite(ratio.High) ? ratio.High : null }
            : result;
    }

    public static string Percent(double share) => (share * 100).ToString("0.##", CultureInfo.InvariantCulture) + " %";

    // The p-values before correction, of NEW being worse and better by more than the effect; those of figures that lie together are not asked for.
    private sealed record Test(Figure Figure, Rounds Was, Rounds Now, bool LieTogether, double Worse, double Better);
}
