using Harness.Results;

namespace Harness.Compare;

/// <summary>A cell in which figures that are judged over rounds, and decide under the gate in force, have changed by the rounds that were compared.</summary>
/// <param name="Cell">Its id.</param>
/// <param name="Figures">Those figures, by name.</param>
/// <param name="Base">BASE's records of it.</param>
/// <param name="New">NEW's.</param>
internal sealed record Suspect(string Cell, IReadOnlyList<string> Figures, IReadOnlyList<CellRecord> Base, IReadOnlyList<CellRecord> New)
{
    /// <summary>
    /// The suspects of a comparison. Invariant figures are exact, and a cell that fails is settled by its failing: neither needs a second look.
    /// </summary>
    public static IReadOnlyList<Suspect> Of(CompareDocument comparison, RunPool was, RunPool now) =>
    [
        .. from cell in comparison.Cells
           where cell.Verdict != Verdict.Worse || cell.DecidedBy is not null
           let figures = cell.Figures.Where(IsSuspect).Select(figure => figure.Figure).ToList()
           where figures.Count > 0
           select new Suspect(cell.Cell, figures, Records(was, cell.Cell), Records(now, cell.Cell)),
    ];

    /// <summary>
    /// The fresh rounds of either side: as many as were compared, since those were enough to see the difference and fewer would miss true ones, and at least
    /// as many as the rank test needs among this many figures.
    /// </summary>
    public static int RoundsFor(IReadOnlyList<Suspect> suspects)
    {
        int needed = RankTest.RoundsNeeded(suspects.Sum(suspect => suspect.Figures.Count), RankRules.FalseAlarmRate);
        return Math.Max(needed, suspects.Max(suspect => Math.Min(suspect.Base.Count, suspect.New.Count)));
    }

    /// <summary>What one round of all of them took on one side.</summary>
    public static TimeSpan RoundTime(IReadOnlyList<Suspect> suspects) =>
        TimeSpan.FromSeconds(suspects.Sum(suspect => suspect.Base.Concat(suspect.New).Average(record => record.Seconds)));

    private static bool IsSuspect(FigureResult figure) =>
        figure is { Gated: true, Kind: not FigureKind.Invariant, Verdict: Verdict.Worse or Verdict.Better };

    private static List<CellRecord> Records(RunPool pool, string cell) =>
        [.. pool.Records.Where(record => record.Cell == cell && record.Status == CellStatus.Ok)];
}
