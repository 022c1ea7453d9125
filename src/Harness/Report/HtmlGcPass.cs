using HdrHistogram;

namespace Harness.Report;

/// <summary>
/// The extra pass of a cell in which the collector was traced. It is drawn after the rounds, never among them: tracing costs time, so its
/// latencies are not the cell's.
/// </summary>
/// <param name="Intervals">The latencies of that pass in nanoseconds, with their times.</param>
/// <param name="Pauses">Of both sides; <see cref="HtmlGcPause.Segment"/> is filled in by <see cref="HtmlReportBuilder"/>.</param>
internal sealed record HtmlGcPass(IReadOnlyList<HistogramBase> Intervals, IReadOnlyList<HtmlGcPause> Pauses);

/// <summary>A run that the report shows.</summary>
/// <param name="Data">As it was read.</param>
/// <param name="GcPasses">By cell id; null where the run has none.</param>
internal sealed record HtmlSource(Results.RunData Data, IReadOnlyDictionary<string, HtmlGcPass>? GcPasses = null);
