using System.Globalization;
using Harness.Matrix;
using Spectre.Console;

namespace Harness.Report;

/// <summary>
/// The backends against <c>epoll</c>, a line for each group of cells that differ in nothing else: the ratio with its 95 % interval, and a mark where the whole
/// interval lies below 0.95. Only where there are intervals, which takes six rounds.
/// </summary>
internal static class BackendRatioTable
{
    private const string Mark = "▼";

    public static void Write(ReportDocument report, IAnsiConsole console)
    {
        if (report.AgainstEpoll.All(backend => backend.CellsWithInterval == 0))
        {
            return;
        }
        var cells = report.Cells.Where(cell => cell.RatioToEpoll is not null).ToList();
        console.Profile.Width = 2 * ReportConsole.Width;
        console.Write(Table(cells, report.AgainstEpoll));
        console.Profile.Width = ReportConsole.Width;
        console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"iops over those of {Vocabulary.BaselineBackend} by round: median and its 95 % interval; {Mark} the whole interval lies below {BackendRatios.Behind}"));
        foreach (var backend in report.AgainstEpoll)
        {
            console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{backend.Backend}: median {backend.MedianRatio:0.00} over {backend.Cells} cells; {backend.BehindCells.Count} of {backend.CellsWithInterval} behind"));
        }
        console.WriteLine();
    }

    private static Table Table(IReadOnlyList<CellFigures> cells, IReadOnlyList<BackendRatio> backends)
    {
        var axes = ReportTable.Varying(cells);
        var table = new Table().Border(TableBorder.Simple);
        foreach (var axis in axes)
        {
            ReportTable.Column(table, axis, Justify.Left);
        }
        foreach (var backend in backends)
        {
            ReportTable.Column(table, backend.Backend, Justify.Right);
        }
        foreach (var group in cells.GroupBy(cell => string.Join('\n', axes.Select(axis => cell.Axes.GetValueOrDefault(axis)))))
        {
            var ratios = backends.Select(backend => Ratio(group.FirstOrDefault(cell => cell.Axes["backend"] == backend.Backend)?.RatioToEpoll));
            table.AddRow([.. axes.Select(axis => Markup.Escape(group.First().Axes.GetValueOrDefault(axis) ?? Figures.None)), .. ratios]);
        }
        return table;
    }

    private static string Ratio(Spread? ratio) => ratio switch
    {
        null => Figures.None,
        { Low: { } low, High: { } high } => string.Create(CultureInfo.InvariantCulture, $"{ratio.Median:0.00} {low:0.00}..{high:0.00}{(BackendRatios.IsBehind(ratio) ? $" [red]{Mark}[/]" : "  ")}"),
        _ => ratio.Median.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
