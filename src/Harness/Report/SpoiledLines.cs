using Spectre.Console;

namespace Harness.Report;

/// <summary>Below the table: what spoiled single cells, in which rounds, and what to do about it.</summary>
internal static class SpoiledLines
{
    /// <summary>What stands beside the name of such a cell's backend in the table.</summary>
    public const string Mark = "!";

    // On a busy machine every cell is spoiled: the remedy matters then, not the hundredth line.
    private const int MostPerKind = 8;

    public static void Write(IEnumerable<CellFigures> cells, IAnsiConsole console)
    {
        var kinds = cells
            .SelectMany(cell => cell.Warnings.GroupBy(warning => warning.Id), (cell, warnings) => (cell.Cell, Warnings: warnings.ToList()))
            .GroupBy(spoiled => spoiled.Warnings[0].Id);
        foreach (var kind in kinds.Select(kind => kind.ToList()))
        {
            foreach (var (cell, warnings) in kind.Take(MostPerKind))
            {
                WarningLines.Write(console, Mark, $"{cell} in {Rounds(warnings)}: {warnings[0].Text}");
            }
            if (kind.Count > MostPerKind)
            {
                WarningLines.Write(console, Mark, $"{kind.Count - MostPerKind} more cells in the same way; the HTML report and cells.jsonl have them all");
            }
            WarningLines.WriteRemedy(console, kind[0].Warnings[0].Remedy);
        }
    }

    private static string Rounds(List<RoundWarning> warnings) => warnings.Count == 1
        ? $"round {warnings[0].Round}"
        : $"rounds {string.Join(", ", warnings.Select(warning => warning.Round))}, as in round {warnings[0].Round}";
}
