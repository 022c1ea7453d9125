using System.Globalization;
using System.Text;
using Harness.Report;
using Spectre.Console;

namespace Harness.Kernels;

/// <summary>The table of kernels for people: what an operation costs cell by cell, where that takes a step, then how the kernels behave.</summary>
internal static class KernelTableText
{
    /// <summary>Below it boots of one kernel differ as well.</summary>
    public const double LeastPercent = 0.05;

    public static void Write(KernelTable table, IAnsiConsole console)
    {
        foreach (string note in table.Notes)
        {
            WarningLines.Write(console, "note", note);
        }
        var figures = Grid([Unit(table), .. table.Kernels.Select(kernel => kernel.Name)], rightFrom: 1);
        foreach (KernelRow row in table.Cells)
        {
            figures.AddRow([.. new[] { row.Cell.Replace(",", ", ", StringComparison.Ordinal) }.Concat(Cells(table, row)).Select(Markup.Escape)]);
        }
        console.Write(figures);
        console.WriteLine(Note(table));
        if (table.IsCounted)
        {
            console.WriteLine();
            WriteChanges(table, console);
        }
        if (table.Semantics.Behaviours.Count > 0)
        {
            console.WriteLine();
            KernelSemanticsText.WriteBehaviours(table.Semantics, console);
        }
    }

    public static string Markdown(KernelTable table)
    {
        var text = new StringBuilder();
        string[] names = [.. table.Kernels.Select(kernel => kernel.Name)];
        string kernels = string.Join(", ", table.Kernels.Select(kernel => $"{kernel.Name} is `{kernel.Release}`"));
        MarkdownText.Line(text, $"Kernels: {kernels}; QEMU {table.Qemu}, {table.Mode}.");
        foreach (string note in table.Notes)
        {
            MarkdownText.Line(text, "");
            MarkdownText.Line(text, $"Note: {MarkdownText.Escaped(note)}.");
        }
        MarkdownText.Line(text, "");
        MarkdownText.Table(text, ["cell", .. names], table.Cells.Select(row => Cells(table, row).Select(MarkdownText.Escaped).Prepend($"`{row.Cell}`")));
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, Note(table));
        if (table.IsCounted)
        {
            MarkdownText.Line(text, "");
            MarkdownText.Table(
                text,
                ["cell", .. names.Select(name => $"{name}: user, kernel; server, client; system calls, io_uring_enter among them, spread")],
                table.Cells.Select(row => row.Figures.Select(Parts).Prepend($"`{row.Cell}`")));
            MarkdownText.Line(text, "");
            MarkdownText.Table(
                text,
                ["step in cell", "between", "instructions", "user mode adds", "kernel adds", "server adds", "client adds", "system calls"],
                table.Changes.Select(Change));
        }
        if (table.Semantics.Behaviours.Count > 0)
        {
            MarkdownText.Line(text, "");
            text.Append(KernelSemanticsText.Markdown(table.Semantics));
        }
        return text.ToString();
    }

    /// <summary>What the figures are, at the head of their column.</summary>
    public static string Unit(KernelTable table) => table.IsCounted ? "instructions per operation" : "µs per operation";

    /// <summary>A figure as it is printed: instructions as whole numbers.</summary>
    public static string Value(double perOp, bool counted) => perOp.ToString(counted ? "N0" : "N2", CultureInfo.InvariantCulture);

    private static string Note(KernelTable table) => table.IsCounted
        ? $"Medians of the boots, in guest instructions per operation, server, client and kernel together; in brackets against {table.Base}. {KernelTable.NotCycles}"
        : $"Medians of the boots; in brackets against {table.Base}. These are times of this host's guests, and noise is not told from difference here: harness compare --factor kernel judges.";

    private static void WriteChanges(KernelTable table, IAnsiConsole console)
    {
        foreach (var step in table.Changes.GroupBy(change => (change.Last, change.First)))
        {
            console.WriteLine($"between {step.Key.Last} and {step.Key.First}");
            WriteLargest(console, "red", "more", [.. step.Where(change => change.Percent > 0).OrderByDescending(change => change.Percent)]);
            WriteLargest(console, "green", "less", [.. step.Where(change => change.Percent < 0).OrderBy(change => change.Percent)]);
        }
        console.WriteLine(table.Changes.Count == 0
            ? "No step from one kernel to the next is larger than what boots differ by."
            : "A step is a change in every boot, by more than 0.2 % (0.3 % with several connections); --markdown lists all.");
    }

    // A matrix has dozens of cells: the largest says most, and --markdown has all.
    private static void WriteLargest(IAnsiConsole console, string colour, string word, KernelChange[] changes)
    {
        if (changes is not [var largest, ..])
        {
            return;
        }
        string percents = string.Create(CultureInfo.InvariantCulture, $"{largest.Percent:+0.0;-0.0} %")
            + (changes.Length == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $" to {changes[^1].Percent:+0.0;-0.0} %"));
        string line = string.Create(CultureInfo.InvariantCulture, $"{largest.Before:N0} → {largest.After:N0}{Sides(largest)} in {largest.Cell}");
        console.MarkupLine($"  [{colour}]{changes.Length} {(changes.Length == 1 ? "cell" : "cells")} {word}, {percents}[/]: {Markup.Escape(line)}");
    }

    private static string Sides(KernelChange change) => change is { ServerAdded: { } server, ClientAdded: { } client }
        ? string.Create(CultureInfo.InvariantCulture, $" (server {server:+#,0;-#,0;0}, client {client:+#,0;-#,0;0})")
        : "";

    private static string[] Change(KernelChange change) =>
    [
        $"`{change.Cell}`",
        $"{change.Last} and {change.First}",
        string.Create(CultureInfo.InvariantCulture, $"{change.Before:N0} → {change.After:N0} ({change.Percent:+0.0;-0.0} %)"),
        Added(change.UserAdded, "+#,0;-#,0;0"),
        Added(change.KernelAdded, "+#,0;-#,0;0"),
        Added(change.ServerAdded, "+#,0;-#,0;0"),
        Added(change.ClientAdded, "+#,0;-#,0;0"),
        Added(change.SyscallsAdded, "+0.00;-0.00;0"),
    ];

    private static string Added(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";

    private static string Parts(KernelFigure figure) => figure.InstructionsPerOp is null
        ? MarkdownText.Escaped(figure.Reason ?? "")
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Or(figure.UserInstructionsPerOp)}, {Or(figure.KernelInstructionsPerOp)}; {Or(figure.ServerInstructionsPerOp)}, {Or(figure.ClientInstructionsPerOp)}; {figure.SyscallsPerOp:0.00}, {(figure.EntersPerOp is { } enters ? enters.ToString("0.00", CultureInfo.InvariantCulture) : "-")}, {figure.SpreadPercent:0.000} %");

    private static string Or(double? instructions) => instructions is { } value ? value.ToString("N0", CultureInfo.InvariantCulture) : "-";

    /// <summary>A table without lines, whose columns are right-aligned from one on.</summary>
    public static Table Grid(IReadOnlyList<string> columns, int rightFrom)
    {
        var grid = new Table().Border(TableBorder.None);
        for (int i = 0; i < columns.Count; i++)
        {
            var column = new TableColumn(Markup.Escape(columns[i]));
            grid.AddColumn(i >= rightFrom ? column.RightAligned() : column);
        }
        return grid;
    }

    private static IEnumerable<string> Cells(KernelTable table, KernelRow row) =>
        row.Figures.Select((figure, at) => Cell(figure, at == table.BaseAt ? null : row.Figures[table.BaseAt], table.IsCounted));

    private static string Cell(KernelFigure figure, KernelFigure? first, bool counted)
    {
        if (figure.PerOp is not { } value)
        {
            return figure.Reason?.Split(':')[0] ?? "";
        }
        string text = Value(value, counted);
        if (first?.PerOp is not { } was)
        {
            return text;
        }
        double percent = 100 * ((value / was) - 1);
        return Math.Abs(percent) < LeastPercent ? $"{text} (=)" : string.Create(CultureInfo.InvariantCulture, $"{text} ({percent:+0.0;-0.0} %)");
    }
}
