using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>A run with rungs below NBD: every rung beside the one that it stands on, so that the cost of each layer is visible.</summary>
internal static class LadderView
{
    /// <summary>What tells places apart, in the order of the report's tables.</summary>
    public static readonly string[] Axes = ["transport", "size", "connections", "wait", "client_wait", "depth", "rw"];

    /// <summary>The places of a run; none where it has no rung below NBD.</summary>
    /// <param name="records">With the axes that were measured.</param>
    public static IReadOnlyList<LadderPlace> Places(IReadOnlyList<CellRecord> records)
    {
        LadderStep[] steps =
        [
            .. records.Where(record => record is { Status: CellStatus.Ok, Load: not null })
                .GroupBy(record => record.Cell)
                .Select(rounds => new LadderStep(new Cell(rounds.First().Axes), [.. rounds]))
                .Where(step => LadderStep.Has(step.Cell)),
        ];
        return steps.Any(step => step.Cell.IsBare) ? [.. Grouped(steps).Select(place => Place(place, steps))] : [];
    }

    /// <summary>The steps of each place in their order; NOPs are in every place of their depth.</summary>
    private static IEnumerable<LadderStep[]> Grouped(LadderStep[] steps)
    {
        var nops = steps.Where(step => step.Level == 0).ToArray();
        var places = steps.Where(step => step.Level > 0)
            .GroupBy(step => string.Join('\n', Axes.Select(axis => step.Cell[axis])))
            .Select(place => place.ToArray())
            .ToArray();
        var alone = nops.Where(nop => !places.Any(place => nop.Carries(place[0]))).Select(nop => new[] { nop });
        return places.Order(Comparer<LadderStep[]>.Create(ComparePlaces))
            .Select(place => nops.Where(nop => nop.Carries(place[0])).Concat(place.Order(Comparer<LadderStep>.Create(CompareSteps))).ToArray())
            .Concat(alone);
    }

    private static LadderPlace Place(LadderStep[] place, LadderStep[] steps) => new()
    {
        Axes = Axes.Where(axis => place[^1].Cell[axis] is not (Vocabulary.None or Vocabulary.SameAsServer))
            .ToDictionary(axis => axis, axis => place[^1].Cell[axis]),
        Rungs = [.. place.Select(step => Rung(step, steps))],
    };

    private static LadderRung Rung(LadderStep step, LadderStep[] steps)
    {
        var carriers = steps.Where(lower => lower.Carries(step)).ToArray();
        var below = carriers.MaxBy(lower => lower.Level);
        var limit = step.Cell.IsBare ? null : carriers.FirstOrDefault(lower => lower.Level == 1);
        return new LadderRung
        {
            Cell = step.Cell.Id,
            Rung = step.Name,
            Backend = step.Cell.IsBare ? null : step.Cell.Backend,
            Iops = Spread.Of(step.Rounds.Select(Iops)),
            UsPerOp = Spread.Of(step.Rounds.Select(UsPerOp)),
            Below = below?.Cell.Id,
            RatioToBelow = Paired(step, below, (mine, other) => Iops(mine) / Iops(other)),
            AddedUsPerOp = Paired(step, below, (mine, other) => UsPerOp(mine) - UsPerOp(other)),
            RatioToLimit = Paired(step, limit, (mine, other) => Iops(mine) / Iops(other)),
            ServerCpuUsPerOp = Spread.MedianOf(step.Rounds.Select(round => round.Load!.Server?.CpuUsPerOp)),
            ClientCpuUsPerOp = Spread.MedianOf(step.Rounds.Select(round => round.Load!.Client.CpuUsPerOp)),
        };
    }

    // By round, as everywhere: what slowed the machine down in one round slowed both.
    private static Spread? Paired(LadderStep step, LadderStep? other, Func<CellRecord, CellRecord, double> figure) => other is null ? null : Spread.Of(
        from mine in step.Rounds
        join theirs in other.Rounds on mine.Round equals theirs.Round
        where Iops(mine) > 0 && Iops(theirs) > 0
        select figure(mine, theirs));

    private static double Iops(CellRecord round) => round.Load!.Iops;

    private static double UsPerOp(CellRecord round) => 1e6 / round.Load!.Iops;

    private static int ComparePlaces(LadderStep[] x, LadderStep[] y) =>
        Axes.Select(axis => CellOrder.CompareValues(x[0].Cell[axis], y[0].Cell[axis])).FirstOrDefault(order => order != 0);

    // The exchange first, which has no backend; then a ladder of its own for each backend.
    private static int CompareSteps(LadderStep x, LadderStep y)
    {
        int Backend(LadderStep step) => step.Cell.IsBare ? -1 : Array.IndexOf(Vocabulary.Backends, step.Cell.Backend);
        int order = Backend(x).CompareTo(Backend(y));
        return order != 0 ? order : x.Level != y.Level ? x.Level.CompareTo(y.Level) : string.CompareOrdinal(x.Cell.Id, y.Cell.Id);
    }
}
