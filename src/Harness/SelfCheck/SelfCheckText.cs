using Harness.Report;
using Spectre.Console;

namespace Harness.SelfCheck;

/// <summary>A self-check on a terminal.</summary>
internal static class SelfCheckText
{
    public static void Write(SelfCheckDocument document, string folder, IAnsiConsole console)
    {
        foreach (string line in SelfCheckMarkdown.Heading(document))
        {
            console.WriteLine(line);
        }
        var table = new Table().Border(TableBorder.Simple).AddColumns("what", "found", "expected");
        foreach (string[] row in SelfCheckMarkdown.Totals(document))
        {
            table.AddRow(row.Select(Markup.Escape).ToArray());
        }
        console.Write(table);
        foreach (var result in document.Results.Where(result => result.SameBuild.FalseAlarms.Count > 0 || result.Seeded.Any(seeded => !seeded.Found)))
        {
            WarningLines.Write(console, $"no. {result.Number}", SelfCheckMarkdown.Line(result));
        }
        console.WriteLine($"self-check: {SelfCheckMarkdown.Conclusion(document)}");
        console.WriteLine($"results: {folder}");
    }
}
