using System.Globalization;
using Spectre.Console;

namespace Harness.Kernels.Hunt;

/// <summary>A bisection for people: what was tried, and between which two the change is.</summary>
internal static class BisectText
{
    public static void Write(BisectDocument document, IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.None)
            .AddColumns("kernel", "instructions per operation", "of GOOD", "user", "kernel", "");
        for (int column = 1; column < 5; column++)
        {
            table.Columns[column].RightAligned();
        }
        double? good = document.Kernels[0].Figure?.InstructionsPerOp;
        foreach (BisectKernel kernel in document.Kernels)
        {
            KernelFigure? figure = kernel.Figure;
            string verdict = kernel.Verdict.ToString().ToLowerInvariant() + (kernel.Reason is { } why ? $": {why}" : "");
            string[] words =
            [
                kernel.Release, Number(figure?.InstructionsPerOp, "N1"), Number(figure?.InstructionsPerOp / good, "0.000"),
                Number(figure?.UserInstructionsPerOp, "N1"), Number(figure?.KernelInstructionsPerOp, "N1"), verdict,
            ];
            table.AddRow([.. words.Select(Markup.Escape)]);
        }
        console.Write(table);
        console.WriteLine(Sentence(document));
    }

    /// <summary>What was found, in a sentence.</summary>
    public static string Sentence(BisectDocument document)
    {
        if (document.LastGood is null)
        {
            return $"{document.Cell}: {document.Kernels[0].Release} and {document.Kernels[^1].Release} do not differ by more than chance or --threshold, so there is nothing to look for";
        }
        BisectKernel was = document.Kernels.Single(kernel => kernel.Release == document.LastGood);
        BisectKernel now = document.Kernels.Single(kernel => kernel.Release == document.FirstBad);
        string change = string.Create(
            CultureInfo.InvariantCulture,
            $"{document.Cell}: {was.Figure!.InstructionsPerOp:N1} instructions per operation on {was.Release}, {now.Figure!.InstructionsPerOp:N1} on {now.Release} ({100 * (document.Ratio - 1):+0.0;-0.0} %)");
        return document.Skipped.Count == 0
            ? $"{change}; no version between them is to be had"
            : $"{change}; or in one of those between them that could not be measured: {string.Join(", ", document.Skipped)}";
    }

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
