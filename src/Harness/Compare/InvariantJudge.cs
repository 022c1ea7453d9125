using System.Globalization;
using Harness.Results;

namespace Harness.Compare;

/// <summary>
/// Judges a figure that is the same on every run of the same code, exactly. The only play it has is that of the edges: a measured part begins and
/// ends in the middle of something, so its total is off by a few events however long it is. That total, divided by the operations of the shortest
/// round, is the tolerance: 8 calls in 3,500 operations let 2.0001 and 2.0003 be the same, and one more call per operation is 430 times as much.
/// </summary>
internal static class InvariantJudge
{
    // Totals below 2^53 are exact; their quotients are off by the last digit of a double, and by what JSON rounds.
    private const double Rounding = 1e-9;

    public static FigureResult Judge(Figure figure, IReadOnlyList<LoadResult> baseLoads, IReadOnlyList<LoadResult> newLoads)
    {
        var (was, now) = (Rounds.Of(figure, baseLoads), Rounds.Of(figure, newLoads));
        double tolerance = Tolerance(figure, baseLoads, newLoads, Math.Max(was.Highest, now.Highest));
        var result = FigureResult.Of(figure, was, now) with { Tolerance = tolerance, Ratio = was.Median > 0 ? now.Median / was.Median : null };
        if (tolerance >= figure.SmallestStep)
        {
            long needed = (long)(2 * figure.EdgePerWindow / figure.SmallestStep) + 1;
            return result with { Verdict = Verdict.CannotSay, Reason = $"too few operations to be exact; {needed.ToString("N0", CultureInfo.InvariantCulture)} per round would do" };
        }
        if (Math.Abs(now.Median - was.Median) <= tolerance)
        {
            return result with { Verdict = Verdict.Same };
        }
        if (now.Lowest > was.Highest + tolerance)
        {
            return result with { Verdict = Verdict.Worse, Reason = "more in every round than in any of BASE" };
        }
        if (now.Highest < was.Lowest - tolerance)
        {
            return result with { Verdict = Verdict.Better, Reason = "less in every round than in any of BASE" };
        }
        return result with { Verdict = Verdict.CannotSay, Reason = "the rounds do not agree among themselves; look at them in cells.jsonl" };
    }

    private static double Tolerance(Figure figure, IReadOnlyList<LoadResult> baseLoads, IReadOnlyList<LoadResult> newLoads, double largest) =>
        (figure.EdgePerWindow / Math.Max(1, baseLoads.Min(load => load.Ops)))
        + (figure.EdgePerWindow / Math.Max(1, newLoads.Min(load => load.Ops)))
        + (largest * Rounding);
}
