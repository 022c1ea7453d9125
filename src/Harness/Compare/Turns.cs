using Harness.Results;

namespace Harness.Compare;

/// <summary>
/// Whether both sides were measured in turns, so that the machine's drift fell on both alike. A rank test takes for granted that it did: after BASE
/// was measured at noon and NEW at one, it finds what changed in the neighbourhood in between.
/// </summary>
internal static class Turns
{
    /// <summary>For every cell with rounds on both sides, the sides change at least as often as half of the rounds, and more than once.</summary>
    public static bool AreTaken(IReadOnlyList<CellPair> cells)
    {
        var both = cells.Where(cell => cell.BaseLoads.Length > 0 && cell.NewLoads.Length > 0).ToList();
        return both.Count > 0 && both.All(cell => Changes(cell) >= Math.Max(2, Math.Min(cell.BaseLoads.Length, cell.NewLoads.Length) / 2));
    }

    private static int Changes(CellPair cell)
    {
        var order = Measured(cell.Base).Select(started => (Started: started, IsNew: false))
            .Concat(Measured(cell.New).Select(started => (Started: started, IsNew: true)))
            .OrderBy(round => round.Started)
            .ToList();
        return order.Zip(order.Skip(1)).Count(pair => pair.First.IsNew != pair.Second.IsNew);
    }

    private static IEnumerable<DateTimeOffset> Measured(CellRecord[] records) =>
        records.Where(record => record.Status == CellStatus.Ok).Select(record => record.Started);
}
