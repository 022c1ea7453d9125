using Harness.Report;
using Spectre.Console;

namespace Harness.Compare;

/// <summary>A comparison for a terminal of 120 columns; plain text where it is piped.</summary>
internal static class CompareText
{
    public static void Write(CompareDocument comparison, IAnsiConsole console)
    {
        foreach (string line in CompareLines.Heading(comparison))
        {
            console.WriteLine(line);
        }
        console.WriteLine();
        WriteLines(console, "note", comparison.Notes);
        if (comparison.Cells.Count > 0)
        {
            // A table that is too wide would have its figures cut off; rather let the line run over.
            console.Profile.Width = 2 * ReportConsole.Width;
            console.Write(Table(comparison.Cells));
            if (CompareLines.Again(comparison) is [_, ..] again)
            {
                console.Write(AgainTable(comparison.Cells, again));
            }
            console.Profile.Width = ReportConsole.Width;
        }
        WriteLines(console, "reason", CompareLines.Doubts(comparison));
        WriteLines(console, "besides", CompareLines.NotGated(comparison));
        console.MarkupLine(Coloured(comparison.Verdict, Markup.Escape(CompareLines.Conclusion(comparison))));
    }

    private static void WriteLines(IAnsiConsole console, string label, IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            WarningLines.Write(console, label, line);
        }
    }

    private static Table Table(IReadOnlyList<CellVerdict> cells)
    {
        string[] axes = CompareLines.VaryingAxes(cells);
        var table = Columns(axes.Concat(CompareLines.Columns));
        foreach (var cell in cells)
        {
            string[] row = [.. CompareLines.Row(cell).Select(Markup.Escape)];
            row[0] = Coloured(cell.Verdict, row[0]);
            table.AddRow([.. axes.Select(axis => Markup.Escape(cell.Axes.GetValueOrDefault(axis) ?? Report.Figures.None)), .. row]);
        }
        return table;
    }

    private static Table AgainTable(IReadOnlyList<CellVerdict> cells, IReadOnlyList<(CellVerdict Cell, FigureResult Figure)> again)
    {
        string[] axes = CompareLines.VaryingAxes(cells);
        var table = Columns(axes.Concat(CompareLines.AgainColumns));
        foreach (var (cell, figure) in again)
        {
            string[] row = [.. CompareLines.AgainRow(figure).Select(Markup.Escape)];
            row[^1] = Coloured(figure.Verdict, row[^1]);
            table.AddRow([.. axes.Select(axis => Markup.Escape(cell.Axes.GetValueOrDefault(axis) ?? Report.Figures.None)), .. row]);
        }
        return table;
    }

    private static Table Columns(IEnumerable<string> titles)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (string title in titles)
        {
            bool isNumber = title is "base" or "new" || title.EndsWith("new/base", StringComparison.Ordinal);
            table.AddColumn(new TableColumn(title) { Alignment = isNumber ? Justify.Right : Justify.Left, NoWrap = true, Padding = new Padding(0, 0, 1, 0) });
        }
        return table;
    }

    private static string Coloured(Verdict verdict, string text) => verdict switch
    {
        Verdict.Worse => $"[red]{text}[/]",
        Verdict.Better => $"[green]{text}[/]",
        Verdict.CannotSay => $"[yellow]{text}[/]",
        _ => text,
    };
}
