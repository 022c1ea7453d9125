using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>From runs to what the HTML page draws.</summary>
internal static class HtmlReportBuilder
{
    /// <param name="sources">One run, or several to be shown beside each other.</param>
    public static HtmlReport Build(params IReadOnlyList<HtmlSource> sources)
    {
        var reports = sources.Select(source => ReportBuilder.Build(source.Data)).ToList();
        var cells = sources.SelectMany((source, run) => Cells(source, run, reports[run])).ToList();
        return new HtmlReport
        {
            Runs = [.. sources.Select(source => Run(source.Data))],
            Axes = Axes(cells),
            PercentileGrid = HtmlCurves.Grid,
            Cells = cells,
            Baseline = PeerView.OftenBest(reports) ?? Vocabulary.BaselineBackend,
        };
    }

    private static HtmlRun Run(RunData data) => new()
    {
        Name = FolderName(data.Folder),
        Matrix = data.Run.Matrix,
        Machine = data.Run.Machine,
        Commit = data.Run.Commit,
        CommandLine = data.Run.CommandLine,
        Started = data.Run.Started,
        Status = data.Run.Status.ToString().ToLowerInvariant(),
        Rounds = data.Run.Rounds,
        DurationSeconds = data.Run.DurationSeconds,
        WarmupSeconds = data.Run.WarmupSeconds,
        Warnings = data.Run.Warnings,
        Problems = data.Problems,
        Facts = HtmlFacts.Of(data.Run),
    };

    private static string FolderName(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    private static IEnumerable<HtmlCell> Cells(HtmlSource source, int run, ReportDocument report)
    {
        var latencies = new LatencyFiles(source.Data.Folder);
        var rounds = source.Data.Cells.ToLookup(record => record.Cell);
        return report.Cells
            .Select(cell => Cell(run, cell, rounds[cell.Cell], latencies, source.GcPasses?.GetValueOrDefault(cell.Cell)));
    }

    private static HtmlCell Cell(int run, CellFigures cell, IEnumerable<CellRecord> rounds, LatencyFiles latencies, HtmlGcPass? gcPass)
    {
        var intervals = latencies.Intervals(cell.Cell);
        List<HtmlSegment> segments = [.. HtmlCurves.Segments(intervals)];
        var traced = segments.Count;
        if (gcPass is { Intervals.Count: > 0 })
        {
            segments.Add(HtmlCurves.Segment("traced", gcPass.Intervals));
        }
        return new HtmlCell
        {
            Run = run,
            Id = cell.Cell,
            Axes = cell.Axes,
            Rounds =
            [
                .. rounds.Where(record => record is { Status: CellStatus.Ok, Load: not null })
                    .OrderBy(record => record.Round)
                    .Select(record => new HtmlRound(record.Round, HtmlCurves.Digits(record.Load!.Iops, 6))),
            ],
            FailedRounds = cell.FailedRounds,
            Skipped = cell.Skipped,
            Reason = cell.Reason,
            LatencyUs = cell.LatencyUs,
            Server = cell.Server,
            Client = cell.Client,
            Percentiles = HtmlCurves.Percentiles(intervals),
            Segments = segments,
            GcPauses = gcPass?.Pauses.Select(pause => pause with { Segment = traced }).ToList(),
        };
    }

    private static List<HtmlAxis> Axes(List<HtmlCell> cells) =>
    [
        .. Axis.Names.Concat(cells.SelectMany(cell => cell.Axes.Keys)).Distinct()
            .Select(name => new HtmlAxis(name, [.. Values(name, cells)]))
            .Where(axis => axis.Values.Count > 0)
            .OrderBy(axis => axis.Values.Count == 1),
    ];

    private static IEnumerable<string> Values(string axis, List<HtmlCell> cells) => cells
        .Select(cell => cell.Axes.GetValueOrDefault(axis))
        .OfType<string>()
        .Distinct()
        .Order(Comparer<string>.Create(CellOrder.CompareValues));
}
