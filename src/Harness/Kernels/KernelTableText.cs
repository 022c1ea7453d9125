using System.Globalization;
using System.Text;
using Harness.Io;
using Harness.Report;
using Spectre.Console;

namespace Harness.Kernels;

/// <summary>The table of kernels for people: instructions per operation cell by cell, then how the kernels behave.</summary>
internal static class KernelTableText
{
    private const string Note = "Medians of the boots, in guest instructions per operation, server, client and kernel together; in brackets against the first kernel. "
        + "Instructions are not cycles: cache misses, interrupts between CPUs and sleeping cost nothing here.";

    // Below it boots of one kernel differ as well.
    private const double LeastPercent = 0.05;

    public static void Write(KernelTable table, IAnsiConsole console)
    {
        var figures = Grid(["instructions per operation", .. table.Kernels.Select(Short)], rightFrom: 1);
        foreach (KernelRow row in table.Cells)
        {
            figures.AddRow([.. new[] { row.Cell.Replace(",", ", ", StringComparison.Ordinal) }.Concat(Cells(row)).Select(Markup.Escape)]);
        }
        console.Write(figures);
        console.WriteLine(Note);
        if (table.Behaviours.Count > 0)
        {
            console.WriteLine();
            var behaviours = Grid(["how io_uring behaves", .. table.Kernels.Select(Short)], rightFrom: int.MaxValue);
            foreach (KernelBehaviourRow row in table.Behaviours)
            {
                behaviours.AddRow([.. new[] { row.Name }.Concat(row.Seen.Select(Word)).Select(Markup.Escape)]);
            }
            console.Write(behaviours);
            console.WriteLine("What was seen, in words: --markdown.");
        }
    }

    public static string Markdown(KernelTable table)
    {
        var text = new StringBuilder();
        string[] releases = [.. table.Kernels.Select(kernel => kernel.Release)];
        MarkdownText.Table(text, ["cell", .. releases], table.Cells.Select(row => Cells(row).Select(MarkdownText.Escaped).Prepend($"`{row.Cell}`")));
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, Note);
        MarkdownText.Line(text, "");
        MarkdownText.Table(
            text,
            ["cell", .. releases.Select(release => $"{release}: user, kernel; server, client; system calls, spread")],
            table.Cells.Select(row => row.Figures.Select(Parts).Prepend($"`{row.Cell}`")));
        if (table.Behaviours.Count > 0)
        {
            MarkdownText.Line(text, "");
            MarkdownText.Table(text, ["how io_uring behaves", .. releases], table.Behaviours.Select(Row));
        }
        return text.ToString();
    }

    private static string Parts(KernelFigure figure) => figure.InstructionsPerOp is null
        ? MarkdownText.Escaped(figure.Reason ?? "")
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Or(figure.UserInstructionsPerOp)}, {Or(figure.KernelInstructionsPerOp)}; {Or(figure.ServerInstructionsPerOp)}, {Or(figure.ClientInstructionsPerOp)}; {figure.SyscallsPerOp:0.00}, {figure.SpreadPercent:0.000} %");

    private static string Or(double? instructions) => instructions is { } value ? value.ToString("N0", CultureInfo.InvariantCulture) : "-";

    private static string Seen(KernelBehaviour? seen) =>
        seen is null ? "not tried" : MarkdownText.Escaped(seen.Seen) + (seen.Verdict == BehaviourVerdict.Differs ? " **(differs)**" : "");

    private static IEnumerable<string> Row(KernelBehaviourRow row) => row.Seen.Select(Seen).Prepend(MarkdownText.Escaped(row.Name));

    private static Table Grid(IReadOnlyList<string> columns, int rightFrom)
    {
        var grid = new Table().Border(TableBorder.None);
        for (int i = 0; i < columns.Count; i++)
        {
            var column = new TableColumn(Markup.Escape(columns[i]));
            grid.AddColumn(i >= rightFrom ? column.RightAligned() : column);
        }
        return grid;
    }

    private static IEnumerable<string> Cells(KernelRow row) => row.Figures.Select(figure => Cell(figure, row.Figures[0]));

    private static string Cell(KernelFigure figure, KernelFigure first)
    {
        if (figure.InstructionsPerOp is not { } instructions)
        {
            return figure.Reason?.Split(':')[0] ?? "";
        }
        string value = instructions.ToString("N0", CultureInfo.InvariantCulture);
        if (figure == first || first.InstructionsPerOp is not { } was)
        {
            return value;
        }
        double percent = 100 * ((instructions / was) - 1);
        return Math.Abs(percent) < LeastPercent ? $"{value} (=)" : string.Create(CultureInfo.InvariantCulture, $"{value} ({percent:+0.0;-0.0} %)");
    }

    // "6.1.0-50-cloud-amd64" is known by what stands before the flavour.
    private static string Short(KernelColumn kernel) => kernel.Release.Split("-cloud", 2)[0].Split('+')[0];

    private static string Word(KernelBehaviour? seen) => seen?.Verdict switch
    {
        BehaviourVerdict.AsExpected => "as on 6.18",
        BehaviourVerdict.Differs => "differs",
        BehaviourVerdict.Skipped => "lacks it",
        _ => "not tried",
    };
}
