using Harness.Measure;
using Spectre.Console;

namespace Harness.Report;

/// <summary>Lines that stand apart from the figures: a coloured word, then a sentence.</summary>
internal static class WarningLines
{
    private const int LabelWidth = 9;

    public static void Write(IAnsiConsole console, Warning warning)
    {
        Write(console, "warning", warning.Text);
        WriteRemedy(console, warning.Remedy);
    }

    public static void WriteRemedy(IAnsiConsole console, string remedy) => console.WriteLine($"{"",LabelWidth}remedy: {remedy}");

    /// <param name="console">Where to.</param>
    /// <param name="label">One word of at most eight letters.</param>
    /// <param name="text">The sentence.</param>
    public static void Write(IAnsiConsole console, string label, string text) =>
        console.MarkupLine($"[yellow]{label.PadRight(LabelWidth)}[/]{Markup.Escape(text)}");
}
