using Harness.Results;

namespace Harness.Compare;

/// <summary>From the figures of cells to a verdict per cell.</summary>
/// <param name="rules">How figures are judged over rounds.</param>
/// <param name="gate">Which figures decide.</param>
/// <param name="looksAt">Whether it judges a figure, by the cell's id and the figure's name; what it does not is left out, of the correction too.</param>
internal sealed class CellJudge(RankRules rules, Gate gate, Func<string, string, bool>? looksAt = null)
{
    // One judge for all cells: its promise about false alarms is for the whole comparison.
    private readonly RankJudge _ranks = new(rules);

    public CellVerdict[] Judge(IReadOnlyList<CellPair> cells)
    {
        // First collect, since how often a test is made decides how each one counts.
        var slots = cells.Select(Collect).ToList();
        var ranked = _ranks.Judge();
        return [.. cells.Zip(slots, (cell, figures) => Sum(cell, [.. figures.Select(figure => figure.Settled ?? ranked[figure.Ranked])]))];
    }

    private List<Slot> Collect(CellPair cell)
    {
        var slots = new List<Slot>();
        if (Missing(cell) is not null || cell.NewLoads.Length == 0)
        {
            return slots;
        }
        foreach (var figure in FigureCatalog.Of(cell.Axes, [.. cell.BaseLoads, .. cell.NewLoads]))
        {
            var (was, now) = (Rounds.Of(figure, cell.BaseLoads), Rounds.Of(figure, cell.NewLoads));
            if (was.Count + now.Count > 0 && looksAt?.Invoke(cell.Cell, figure.Name) is not false)
            {
                slots.Add(AtOnce(figure, cell, was, now) is { } settled ? new Slot(settled, 0) : new Slot(null, _ranks.Add(figure, was, now)));
            }
        }
        return slots;
    }

    /// <summary>What can be said without the other figures; null where it takes the rank test.</summary>
    private static FigureResult? AtOnce(Figure figure, CellPair cell, Rounds was, Rounds now)
    {
        if (was.Count == 0 || now.Count == 0)
        {
            return FigureResult.CannotSay(figure, $"only {(was.Count == 0 ? "NEW" : "BASE")} has it");
        }
        if (figure.Kind == FigureKind.Invariant)
        {
            return InvariantJudge.Judge(figure, cell.BaseLoads, cell.NewLoads);
        }
        return cell.BaseLoads.Concat(cell.NewLoads).Select(figure.NotRanked).FirstOrDefault(reason => reason is not null) is { } reason
            ? FigureResult.Of(figure, was, now) with { Verdict = Verdict.CannotSay, Reason = reason }
            : null;
    }

    private CellVerdict Sum(CellPair cell, FigureResult[] figures)
    {
        figures = [.. figures.Select(figure => figure with { Gated = gate.Covers(figure.Kind) })];
        var verdict = new CellVerdict { Cell = cell.Cell, Axes = cell.Axes, Verdict = Verdict.CannotSay, Figures = figures };
        if (Missing(cell) is { } missing)
        {
            return verdict with { Reason = missing };
        }
        if (Fails(cell) is { } fails)
        {
            return verdict with { Verdict = Verdict.Worse, Reason = fails };
        }
        return Decided(verdict);
    }

    /// <summary>The cell with the verdict of its figures, however they came to theirs.</summary>
    public static CellVerdict Decided(CellVerdict cell)
    {
        var gated = cell.Figures.Where(figure => figure.Gated);
        var decider = gated.OrderByDescending(figure => Comparison.Weight(figure.Verdict)).ThenByDescending(Size).FirstOrDefault();
        return decider is null
            ? cell with { Verdict = Verdict.CannotSay, DecidedBy = null, Reason = "no figure that this gate looks at" }
            // Same takes all of them; the others take one.
            : cell with { Verdict = decider.Verdict, DecidedBy = decider.Verdict == Verdict.Same ? null : decider.Figure, Reason = decider.Reason };
    }

    // The largest change decides; from zero to something is the largest there is.
    private static double Size(FigureResult figure) =>
        figure.Ratio is > 0 and { } ratio ? Math.Abs(Math.Log(ratio)) : figure.Base == figure.New ? 0 : double.MaxValue;

    private static string? Missing(CellPair cell) => cell switch
    {
        { Base.Length: 0 } => "only in NEW",
        { New.Length: 0 } => "only in BASE",
        { BaseLoads.Length: 0 } => $"no figures in BASE: {cell.Base[0].Reason}",
        { NewLoads.Length: 0 } when !cell.New.Any(record => record.Status == CellStatus.Failed) => $"no figures in NEW: {cell.New[0].Reason}",
        _ => null,
    };

    /// <summary>Where BASE never failed, a failure of NEW is a regression whatever the gate.</summary>
    private static string? Fails(CellPair cell)
    {
        var failed = cell.New.Where(record => record.Status == CellStatus.Failed).ToList();
        return failed.Count == 0 || cell.Base.Any(record => record.Status == CellStatus.Failed)
            ? null
            : $"fails in {failed.Count} of {cell.New.Length} rounds, and never did in BASE: {failed[0].Reason}";
    }

    private sealed record Slot(FigureResult? Settled, int Ranked);
}
