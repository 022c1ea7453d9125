using System.Globalization;
using System.Text;
using Harness.Report;
using Spectre.Console;

namespace Harness.Kernels.Hunt;

/// <summary>An attribution for people: the functions with the largest differences, and the rest in one line, so that the column sums.</summary>
internal static class AttributionText
{
    private static readonly string[] s_always = [Attribution.UserCode, Attribution.NoSymbol, Attribution.Rest];

    public static void Write(Attribution attribution, int top, IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.None).AddColumns([.. Heading(attribution).Select(Markup.Escape)]);
        for (int column = 1; column < 5; column++)
        {
            table.Columns[column].RightAligned();
        }
        foreach (string[] row in Rows(attribution, top))
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }
        console.Write(table);
        console.WriteLine(Note(attribution));
    }

    public static string Markdown(Attribution attribution, int top)
    {
        var text = new StringBuilder();
        MarkdownText.Table(text, Heading(attribution), Rows(attribution, top).Select(row => row.Select(MarkdownText.Escaped)));
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, Note(attribution));
        return text.ToString();
    }

    private static string[] Heading(Attribution attribution) => ["function", Side(attribution.A), Side(attribution.B), "difference", "of it"];

    // The first boot is what there is unless another was asked for.
    private static string Side(AttributedKernel kernel) =>
        kernel.Boot == 1 ? kernel.Release : string.Create(CultureInfo.InvariantCulture, $"{kernel.Release}, boot {kernel.Boot}");

    private static string Note(Attribution attribution) => string.Create(
        CultureInfo.InvariantCulture,
        $"{attribution.Cell}, {attribution.Ops:N0} operations: guest instructions per operation. {Attribution.Rest} is what the guest's clock has and no block between the marks of the window, or the other way round.");

    // What is no function always has its line, however small, so that nobody looks for it.
    private static IEnumerable<string[]> Rows(Attribution attribution, int top)
    {
        FunctionRow[] shown = [.. attribution.Functions.Where(row => !s_always.Contains(row.Function)).Take(top)];
        FunctionRow[] others = [.. attribution.Functions.Where(row => !s_always.Contains(row.Function)).Skip(top)];
        double whole = attribution.Total.Difference;
        foreach (FunctionRow row in shown)
        {
            yield return Row(row, whole);
        }
        if (others.Length > 0)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"({others.Length} other functions)");
            yield return Row(new FunctionRow(name, others.Sum(row => row.A), others.Sum(row => row.B), others.Sum(row => row.Difference)), whole);
        }
        foreach (FunctionRow row in attribution.Functions.Where(row => s_always.Contains(row.Function)).OrderBy(row => Array.IndexOf(s_always, row.Function)))
        {
            yield return Row(row, whole);
        }
        yield return Row(attribution.Total with { Function = "all" }, whole);
    }

    private static string[] Row(FunctionRow row, double whole) =>
    [
        row.Function,
        row.A.ToString("N1", CultureInfo.InvariantCulture),
        row.B.ToString("N1", CultureInfo.InvariantCulture),
        row.Difference.ToString("+#,0.0;-#,0.0;0.0", CultureInfo.InvariantCulture),
        whole == 0 ? "" : (row.Difference / whole).ToString("0.0 %", CultureInfo.InvariantCulture),
    ];
}
