using System.Globalization;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>The traced pass in words: a line for each cell whose threads the collector stopped, or one for all where it stopped none.</summary>
internal static class GcLines
{
    /// <summary>A label of at most eight letters, and a sentence.</summary>
    public static IEnumerable<(string Label, string Text)> Of(ReportDocument report)
    {
        foreach (var failed in report.Gc.Where(cell => cell.Status != CellStatus.Ok))
        {
            yield return ("untraced", $"{failed.Cell}: {failed.Reason}");
        }
        var traced = report.Gc.Where(cell => cell.Status == CellStatus.Ok).ToList();
        var paused = traced.Where(cell => Pauses(cell) > 0).ToList();
        foreach (var cell in paused)
        {
            yield return ("pauses", $"{cell.Cell}: {Side("server", cell.Server)}; {Side("client", cell.Client)}");
        }
        if (traced.Count > 0 && paused.Count == 0)
        {
            yield return ("gc pass", $"no collection in the traced pass ({(traced.Count == 1 ? "1 cell" : $"{traced.Count} cells")})");
        }
        if (Missing(report) is { } missing)
        {
            yield return ("gc pass", missing);
        }
    }

    /// <summary>How to get the pass, or the rest of it; null where it is all there, or no cell has figures that it could explain.</summary>
    public static string? Missing(ReportDocument report)
    {
        var measured = report.Cells.Where(cell => cell.Rounds > 0 && HasRuntime(cell)).Select(cell => cell.Cell).ToList();
        var missing = measured.Except(report.Gc.Select(cell => cell.Cell)).Count();
        return missing switch
        {
            0 => null,
            _ when report.Gc.Count > 0 => $"{missing} of {measured.Count} cells not traced yet; harness run --resume RUN does the rest",
            _ when report.Run.GcPass => "not done yet; harness run --resume RUN does it",
            _ => "none; harness run --resume RUN --gc-pass adds one",
        };
    }

    // In a view with peers, "backend" holds the server.
    private static bool HasRuntime(CellFigures cell) =>
        cell.Axes.GetValueOrDefault("layer", Vocabulary.Nbd) == Vocabulary.Nbd
        && (!Vocabulary.Servers.Skip(1).Contains(cell.Axes.GetValueOrDefault("backend"))
            || !Vocabulary.Clients.Skip(1).Contains(cell.Axes.GetValueOrDefault("client")));

    private static long Pauses(GcRecord cell) => (cell.Server?.PauseCount ?? 0) + (cell.Client?.PauseCount ?? 0);

    private static string Side(string name, GcSide? side) => side switch
    {
        null => $"{name} not traced",
        { PauseCount: 0 } => $"{name} none",
        _ => $"{name} {Count(side.PauseCount)}, {Time(side.PauseTotalUs)} in all, longest {Time(side.PauseMaxUs ?? 0)}{Most(side)}",
    };

    private static string Most(GcSide side) => side.Allocations is [var most, ..] ? $", mostly for {most.Type}" : "";

    private static string Count(long count) => count.ToString("n0", CultureInfo.InvariantCulture);

    private static string Time(double us) => us < 10_000 ? $"{Figures.Short(us)} µs" : $"{Figures.Short(us / 1000)} ms";
}
