using System.Text;
using Harness.Report;
using Spectre.Console;

namespace Harness.Kernels.NbdCases;

/// <summary>Kernels side by side, case by case, for people.</summary>
internal static class NbdCasesText
{
    public static void Write(IReadOnlyList<NbdCasesRecord> records, IReadOnlyList<NbdCase> cases, IAnsiConsole console)
    {
        var grid = new Table().Border(TableBorder.None);
        grid.AddColumn("case");
        foreach (NbdCasesRecord record in records)
        {
            grid.AddColumn(Markup.Escape(record.Kernel.Release.Split("-cloud", 2)[0]));
        }
        foreach (NbdCase one in cases)
        {
            grid.AddRow([.. records.Select(record => Word(Of(record, one))).Prepend(one.Id).Select(Markup.Escape)]);
        }
        console.Write(grid);
        foreach (NbdCasesRecord record in records)
        {
            foreach (NbdCaseRecord one in record.Cases.Where(one => one.Status != NbdCaseStatus.Passed))
            {
                console.WriteLine($"{record.Kernel.Release}, {Id(one)} {Word(one)}: {one.Seen}");
            }
        }
        console.WriteLine("What was done and seen, in words: --markdown.");
    }

    public static string Markdown(IReadOnlyList<NbdCasesRecord> records, IReadOnlyList<NbdCase> cases)
    {
        var text = new StringBuilder();
        MarkdownText.Table(
            text,
            ["case", "what is done", .. records.Select(record => record.Kernel.Release)],
            cases.Select(one => records.Select(record => Cell(Of(record, one))).Prepend(MarkdownText.Escaped(one.Means)).Prepend($"`{one.Id}`")));
        return text.ToString();
    }

    private static string Cell(NbdCaseRecord? one) => one is null ? Word(one) : $"{Word(one)}: {MarkdownText.Escaped(one.Seen)}";

    private static string Word(NbdCaseRecord? one) => one?.Status.ToString().ToLowerInvariant() ?? "not tried";

    private static string Id(NbdCaseRecord one) => one.Backend is null ? one.Case : $"{one.Case}@{one.Backend}";

    private static NbdCaseRecord? Of(NbdCasesRecord record, NbdCase one) =>
        record.Cases.FirstOrDefault(done => done.Case == one.Name && done.Backend == one.Backend);
}
