using System.Text;

namespace Harness.Compare;

/// <summary>A comparison as Markdown, for the summary of a CI job.</summary>
internal static class CompareMarkdown
{
    public static string Of(CompareDocument comparison)
    {
        var text = new StringBuilder();
        Line(text, $"## {CompareLines.Conclusion(comparison)}");
        Line(text, "");
        foreach (string line in CompareLines.Heading(comparison).Concat(comparison.Notes))
        {
            Line(text, $"- {Escaped(line)}");
        }
        if (comparison.Cells.Count > 0)
        {
            Line(text, "");
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
        Row(text, axes.Concat(CompareLines.Columns));
        Row(text, axes.Concat(CompareLines.Columns).Select(_ => "---"));
        foreach (var cell in cells)
        {
            string[] row = [.. CompareLines.Row(cell).Select(Escaped)];
            if (cell.Verdict is Verdict.Worse or Verdict.Better)
            {
                row[0] = $"**{row[0]}**";
            }
            Row(text, axes.Select(axis => Escaped(cell.Axes.GetValueOrDefault(axis) ?? Report.Figures.None)).Concat(row));
        }
    }

    private static void AgainTable(StringBuilder text, CompareDocument comparison)
    {
        var again = CompareLines.Again(comparison);
        if (again.Count == 0)
        {
            return;
        }
        string[] axes = CompareLines.VaryingAxes(comparison.Cells);
        Line(text, "");
        Row(text, axes.Concat(CompareLines.AgainColumns));
        Row(text, axes.Concat(CompareLines.AgainColumns).Select(_ => "---"));
        foreach (var (cell, figure) in again)
        {
            var values = axes.Select(axis => cell.Axes.GetValueOrDefault(axis) ?? Report.Figures.None);
            Row(text, values.Concat(CompareLines.AgainRow(figure)).Select(Escaped));
        }
    }

    private static void Folded(StringBuilder text, string summary, IEnumerable<string> lines)
    {
        string[] all = [.. lines];
        if (all.Length == 0)
        {
            return;
        }
        Line(text, "");
        Line(text, $"<details><summary>{summary} ({all.Length})</summary>");
        Line(text, "");
        foreach (string line in all)
        {
            Line(text, $"- {Escaped(line)}");
        }
        Line(text, "");
        Line(text, "</details>");
    }

    private static void Row(StringBuilder text, IEnumerable<string> columns) => Line(text, $"| {string.Join(" | ", columns)} |");

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    // What begins a column, a tag, a link or emphasis in the middle of other people's words. An underscore inside a word is only itself.
    private static string Escaped(string text)
    {
        var escaped = new StringBuilder();
        foreach (char c in text)
        {
            escaped.Append(c is '|' or '<' or '>' or '[' or ']' or '*' or '`' or '\\' ? $"\\{c}" : c);
        }
        return escaped.ToString();
    }
}
