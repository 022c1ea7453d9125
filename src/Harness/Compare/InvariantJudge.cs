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
        // A round that a starved machine cut to a handful of operations says nothing exact; the others still do.
        double leastOps = LeastOps(figure);
        LoadResult[] baseLong = [.. baseLoads.Where(load => load.Ops >= leastOps)];
        LoadResult[] newLong = [.. newLoads.Where(load => load.Ops >= leastOps)];
        if (baseLong.Length == 0 || newLong.Length == 0)
        {
            string reason = string.Create(CultureInfo.InvariantCulture, $"too few operations to be exact in every round; {leastOps:N0} would do");
            return FigureResult.Of(figure, Rounds.Of(figure, baseLoads), Rounds.Of(figure, newLoads)) with { Verdict = Verdict.CannotSay, Reason = reason };
        }
        var (was, now) = (Rounds.Of(figure, baseLong), Rounds.Of(figure, newLong));
        double edges = Edges(figure, baseLong, newLong, Math.Max(was.Highest, now.Highest));
        double tolerance = edges + (Math.Max(was.Highest, now.Highest) * figure.Play);
        var result = FigureResult.Of(figure, was, now) with { Tolerance = tolerance, Ratio = was.Median > 0 ? now.Median / was.Median : null };
        if (Math.Abs(now.Median - was.Median) <= tolerance)
        {
            return result with { Verdict = Verdict.Same };
        }
        // Chance moves the rounds of one side apart as well, so that to have it count between the nearest two would ask for twice as much.
        if (now.Lowest > was.Highest + edges)
        {
            return result with { Verdict = Verdict.Worse, Reason = "more in every round than in any of BASE" };
        }
        if (now.Highest < was.Lowest - edges)
        {
            return result with { Verdict = Verdict.Better, Reason = "less in every round than in any of BASE" };
        }
        return result with { Verdict = Verdict.CannotSay, Reason = "the rounds do not agree among themselves; look at them in cells.jsonl" };
    }

    // From here on the edges of both sides together are at most half of the smallest step, so that one cannot be taken for the other.
    private static double LeastOps(Figure figure) => Math.Max(1, Math.Ceiling(4 * figure.EdgePerWindow / figure.SmallestStep));

    private static double Edges(Figure figure, LoadResult[] baseLoads, LoadResult[] newLoads, double largest) =>
        (figure.EdgePerWindow / baseLoads.Min(load => load.Ops))
        + (figure.EdgePerWindow / newLoads.Min(load => load.Ops))
        + (largest * Rounding);
}
