using System.Text;
using Harness.Report;
using Spectre.Console;

namespace Harness.Events;

/// <summary>A table of words and figures, for a terminal and in Markdown.</summary>
/// <param name="Title">The line above it.</param>
/// <param name="Words">The columns on the left.</param>
/// <param name="Numbers">The columns after them.</param>
/// <param name="Rows">As many texts each.</param>
/// <param name="Legend">Lines below it: what the figures are.</param>
internal sealed record LoopTable(string Title, string[] Words, string[] Numbers, IReadOnlyList<string[]> Rows, string[] Legend)
{
    public void Write(IAnsiConsole console)
    {
        console.WriteLine(Title);
        var table = new Table().Border(TableBorder.Simple);
        Array.ForEach(Words, title => ReportTable.Column(table, title, Justify.Left));
        Array.ForEach(Numbers, title => ReportTable.Column(table, title, Justify.Right));
        foreach (string[] row in Rows)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }
        // Rather let a line run over than cut figures off.
        console.Profile.Width = 2 * ReportConsole.Width;
        console.Write(table);
        console.Profile.Width = ReportConsole.Width;
        Array.ForEach(Legend, console.WriteLine);
    }

    public void Write(StringBuilder markdown)
    {
        MarkdownText.Line(markdown, Title);
        MarkdownText.Line(markdown, "");
        MarkdownText.Table(markdown, [.. Words, .. Numbers], Rows);
        MarkdownText.Line(markdown, "");
        Array.ForEach(Legend, line => MarkdownText.Line(markdown, line));
    }
}
