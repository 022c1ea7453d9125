using System.Globalization;
using Harness.Matrix;
using Harness.Report;

namespace Harness.Compare;

/// <summary>A comparison in words: what text, Markdown and JUnit share.</summary>
internal static class CompareLines
{
    /// <summary>The columns after the axes.</summary>
    public static readonly string[] Columns = ["verdict", "decided by", "base", "new", "new/base", "iops new/base"];

    /// <summary>The columns after the axes in the table of what was measured again.</summary>
    public static readonly string[] AgainColumns = ["suspect figure", "at first", "new/base", "again new/base", "verdict"];

    /// <summary>What was compared, by which rules.</summary>
    public static IEnumerable<string> Heading(CompareDocument comparison)
    {
        yield return $"BASE {Side(comparison.Base)}";
        yield return $"NEW  {Side(comparison.New)}";
        string gate = comparison.Gate switch
        {
            Gate.Counted => "counted: the figures that are the same on every run",
            Gate.Timed => "timed: the figures that are judged over rounds",
            _ => "all: every figure",
        };
        yield return $"gate {gate} · minimum effect {RankJudge.Percent(comparison.MinEffect)} · {(comparison.InTurns ? "measured in turns" : "not measured in turns")}"
            + (comparison.Factor is { } factor ? $" · the {factor} may differ" : "");
        if (comparison.Confirmation is { } confirmation)
        {
            yield return Confirmed(confirmation);
        }
    }

    /// <summary>The figures that were measured again, each with its cell.</summary>
    public static IReadOnlyList<(CellVerdict Cell, FigureResult Figure)> Again(CompareDocument comparison) =>
        [.. comparison.Cells.SelectMany(cell => cell.Figures.Where(figure => figure.Again is not null).Select(figure => (cell, figure)))];

    /// <summary>A row below <see cref="AgainColumns"/>.</summary>
    public static string[] AgainRow(FigureResult figure)
    {
        string verdict = figure.Verdict == figure.FirstVerdict ? figure.Verdict.Words() : $"{figure.Verdict.Words()}, not confirmed";
        return [figure.Figure, figure.FirstVerdict!.Value.Words(), Ratio(figure), Ratio(figure.Again), verdict];
    }

    private static string Confirmed(ConfirmationSummary confirmation) => confirmation.Results is null
        ? "confirmation: no figure judged over rounds had changed, so there was nothing to measure again"
        : $"confirmation: {confirmation.Confirmed} of {Count(confirmation.Suspects, "suspect figure")} confirmed by {confirmation.Rounds} fresh rounds of each build, "
            + $"in {confirmation.Results}";

    private static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    /// <summary>The last line: the verdict and what it rests on.</summary>
    public static string Conclusion(CompareDocument comparison)
    {
        string counts = string.Join(", ", Enum.GetValues<Verdict>()
            .OrderByDescending(Comparison.Weight)
            .Select(verdict => (verdict, count: comparison.Count(verdict)))
            .Where(pair => pair.count > 0)
            .Select(pair => $"{pair.count} {pair.verdict.Words()}"));
        return $"verdict: {comparison.Verdict.Words()} ({(counts.Length == 0 ? "no cells" : $"{Cells(comparison.Cells.Count)}: {counts}")})";
    }

    /// <summary>The axes that tell the cells apart, the backend always among them.</summary>
    public static string[] VaryingAxes(IReadOnlyList<CellVerdict> cells) =>
    [
        .. Axis.Names.Where(axis => axis != "backend" && cells.Select(cell => cell.Axes.GetValueOrDefault(axis)).Distinct().Count() > 1),
        "backend",
    ];

    /// <summary>A cell's row below <see cref="Columns"/>.</summary>
    public static string[] Row(CellVerdict cell)
    {
        string iops = Ratio(cell.Figures.FirstOrDefault(figure => figure.Figure == "iops"));
        if (cell.Decider is { } decider)
        {
            return [cell.Verdict.Words(), decider.Figure, Figures.Short(decider.Base), Figures.Short(decider.New), Ratio(decider), iops];
        }
        int gated = cell.Figures.Count(figure => figure.Gated);
        string all = gated == 1 ? "its one figure" : $"all {gated} figures";
        return [cell.Verdict.Words(), cell.Verdict == Verdict.Same ? all : "the cell itself", Figures.None, Figures.None, Figures.None, iops];
    }

    /// <summary>Differences beyond chance that this gate does not look at, one line each.</summary>
    public static IEnumerable<string> NotGated(CompareDocument comparison) =>
        from cell in comparison.Cells
        from figure in cell.Figures
        where !figure.Gated && figure.Verdict is Verdict.Worse or Verdict.Better
        select $"{figure.Verdict.Words()}: {cell.Cell}: {Said(figure)}";

    /// <summary>Why nothing could be said of cells and of the figures that are gated, each reason once with what it holds for.</summary>
    public static IEnumerable<string> Doubts(CompareDocument comparison)
    {
        foreach (var cell in comparison.Cells.Where(cell => cell is { DecidedBy: null, Reason: not null }))
        {
            yield return $"{cell.Verdict.Words()}: {cell.Cell}: {cell.Reason}";
        }
        var doubts = comparison.Cells
            .SelectMany(cell => cell.Figures.Select(figure => (cell.Cell, figure)))
            .Where(pair => pair.figure is { Gated: true, Verdict: Verdict.CannotSay })
            .GroupBy(pair => pair.figure.Reason!);
        foreach (var doubt in doubts)
        {
            var (cell, figure) = doubt.First();
            string which = doubt.Count() == 1
                ? $"{figure.Figure} of {cell}"
                : $"{doubt.Count()} figures of {Cells(doubt.Select(pair => pair.Cell).Distinct().Count())}";
            yield return $"cannot say: {which}: {doubt.Key}";
        }
    }

    /// <summary>A figure with all that led to its verdict.</summary>
    public static string Said(FigureResult figure) => string.Join(", ", new[]
    {
        $"{figure.Figure} {Figures.Short(figure.Base)} → {Figures.Short(figure.New)}",
        figure.Ratio is null ? null : $"new/base {Ratio(figure)}",
        figure.P is { } p ? string.Create(CultureInfo.InvariantCulture, $"p {p:0.####}") : null,
        figure.Tolerance is { } tolerance ? string.Create(CultureInfo.InvariantCulture, $"tolerance {tolerance:0.######}") : null,
        figure.Again is null ? null : MeasuredAgain(figure, figure.Again),
        figure.Reason,
    }.OfType<string>());

    private static string MeasuredAgain(FigureResult figure, FigureResult again) =>
        $"at first {figure.FirstVerdict!.Value.Words()}, measured again {Figures.Short(again.Base)} → {Figures.Short(again.New)}, new/base {Ratio(again)}";

    private static string Cells(int count) => Count(count, "cell");

    private static string Side(ComparedSide side)
    {
        string runs = side.Runs.Count == 1 ? "" : $" · {side.Runs.Count} runs";
        string started = side.Started.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return $"{side.Matrix} · {side.Commit} · {started} UTC{runs} · Linux {side.KernelRelease}";
    }

    private static string Ratio(FigureResult? figure) => figure switch
    {
        { Ratio: { } ratio, RatioLow: { } low, RatioHigh: { } high } => string.Create(CultureInfo.InvariantCulture, $"{ratio:0.00} {low:0.00}..{high:0.00}"),
        { Ratio: { } ratio } => string.Create(CultureInfo.InvariantCulture, $"{ratio:0.0000}"),
        _ => Figures.None,
    };
}
