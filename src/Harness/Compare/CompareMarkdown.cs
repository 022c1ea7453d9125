using System.Text;
using Harness.Report;

namespace Harness.Compare;

/// <summary>A comparison as Markdown, for the summary of a CI job.</summary>
internal static class CompareMarkdown
{
    public static string Of(CompareDocument comparison)
    {
        var text = new StringBuilder();
        MarkdownText.Line(text, $"## {CompareLines.Conclusion(comparison)}");
        MarkdownText.Line(text, "");
        foreach (string line in CompareLines.Heading(comparison).Concat(comparison.Notes))
        {
            MarkdownText.Line(text, $"- {MarkdownText.Escaped(line)}");
        }
        if (comparison.Cells.Count > 0)
        {
            MarkdownText.Line(text, "");
            Table(text, comparison.Cells);
            AgainTable(text, comparison);
        }
        Folded(text, "Why nothing could be said", CompareLines.Doubts(comparison));
        Folded(text, "Differences that this gate does not look at", CompareLines.NotGated(comparison));
        return text.ToString();
    }

    private static void Table(StringBuilder text, IReadOnlyList<CellVerdict> cells)
    {
        string[] axes = CompareLines.VaryingAxes(cells);
        MarkdownText.Table(text, [.. axes, .. CompareLines.Columns], cells.Select(cell => Row(cell, axes)));
    }

    private static IEnumerable<string> Row(CellVerdict cell, string[] axes)
    {
        string[] row = [.. CompareLines.Row(cell).Select(MarkdownText.Escaped)];
        if (cell.Verdict is Verdict.Worse or Verdict.Better)
        {
            row[0] = $"**{row[0]}**";
        }
        return axes.Select(axis => MarkdownText.Escaped(cell.Axes.GetValueOrDefault(axis) ?? Figures.None)).Concat(row);
    }

    private static void AgainTable(StringBuilder text, CompareDocument comparison)
    {
        var again = CompareLines.Again(comparison);
        if (again.Count == 0)
        {
            return;
        }
        string[] axes = CompareLines.VaryingAxes(comparison.Cells);
        MarkdownText.Line(text, "");
        MarkdownText.Table(text, [.. axes, .. CompareLines.AgainColumns], again.Select(row => axes
            .Select(axis => row.Cell.Axes.GetValueOrDefault(axis) ?? Figures.None)
            .Concat(CompareLines.AgainRow(row.Figure))
            .Select(MarkdownText.Escaped)));
    }

    private static void Folded(StringBuilder text, string summary, IEnumerable<string> lines)
    {
        string[] all = [.. lines];
        if (all.Length == 0)
        {
            return;
        }
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, $"<details><summary>{summary} ({all.Length})</summary>");
        MarkdownText.Line(text, "");
        foreach (string line in all)
        {
            MarkdownText.Line(text, $"- {MarkdownText.Escaped(line)}");
        }
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, "</details>");
    }
}
