using HdrHistogram;
using Harness.Results;

namespace Harness.Report;

/// <summary>
/// The extra pass of a cell in which the collector was traced. It is drawn after the rounds, never among them: tracing costs time, so its
/// latencies are not the cell's.
/// </summary>
/// <param name="Intervals">The latencies of that pass in nanoseconds, with their times.</param>
/// <param name="Pauses">Of both sides; <see cref="HtmlGcPause.Segment"/> is filled in by <see cref="HtmlReportBuilder"/>.</param>
/// <param name="Sums">What the table says of it; null where there are none.</param>
internal sealed record HtmlGcPass(IReadOnlyList<HistogramBase> Intervals, IReadOnlyList<HtmlGcPause> Pauses, HtmlGc? Sums = null)
{
    /// <summary>The traced pass of a run by cell; null where it has none.</summary>
    public static IReadOnlyDictionary<string, HtmlGcPass>? All(RunData run) => run.Gc.Count == 0 ? null : run.Gc.ToDictionary(cell => cell.Record.Cell, Of);

    private static HtmlGcPass Of(GcCell cell) => new(
        cell.Intervals,
        [.. PausesOf("server", cell.Record.Server).Concat(PausesOf("client", cell.Record.Client)).OrderBy(pause => pause.Seconds)],
        new HtmlGc(cell.Record.Reason, WithoutPauses(cell.Record.Server), WithoutPauses(cell.Record.Client)));

    private static IEnumerable<HtmlGcPause> PausesOf(string name, GcSide? side) =>
        side?.Pauses.Select(pause => new HtmlGcPause(0, pause.StartSeconds, pause.DurationUs, pause.Generation, name)) ?? [];

    // They are in the page once, as what is drawn.
    private static GcSide? WithoutPauses(GcSide? side) => side is null ? null : side with { Pauses = [] };
}

/// <summary>A run that the report shows.</summary>
/// <param name="Data">As it was read.</param>
/// <param name="GcPasses">By cell id; null where the run has none.</param>
internal sealed record HtmlSource(RunData Data, IReadOnlyDictionary<string, HtmlGcPass>? GcPasses = null);
