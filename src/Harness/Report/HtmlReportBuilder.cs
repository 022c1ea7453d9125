using Harness.Events;
using Harness.Load;
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
            Runs = [.. sources.Select((source, run) => Run(source.Data, reports[run]))],
            Ladders = [.. reports.SelectMany((report, run) => report.Ladder.Select(place => new HtmlLadder(run, place)))],
            Clients = [.. reports.SelectMany((report, run) => report.ClientWays.Select(place => new HtmlClientPlace(run, place)))],
            Timelines = [.. sources.SelectMany((source, run) => HtmlTimeline.Of(source.Data, reports[run], run))],
            Events = [.. reports.SelectMany(Events)],
            Axes = Axes(cells),
            PercentileGrid = HtmlCurves.Grid,
            Cells = cells,
            Baseline = PeerView.OftenBest(reports) ?? Vocabulary.BaselineBackend,
        };
    }

    private static IEnumerable<HtmlEvents> Events(ReportDocument report, int run) => report.Events
        .GroupBy(variant => (variant.Pipes, variant.Tokens))
        .Select(place => new HtmlEvents(run, [.. place], EventsReason.Of([.. place])));

    private static HtmlRun Run(RunData data, ReportDocument report) => new()
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
        AgainstEpoll = [.. report.AgainstEpoll.Where(backend => backend.CellsWithInterval > 0)],
        GcMissing = GcLines.Missing(report),
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
                    .Select(Round),
            ],
            FailedRounds = cell.FailedRounds,
            Skipped = cell.Skipped,
            Reason = cell.Reason,
            LatencyUs = cell.LatencyUs,
            ServiceUs = cell.ServiceUs,
            SendLagUs = cell.SendLagUs,
            RateOffered = cell.RateOffered?.Median,
            Server = cell.Server,
            Client = cell.Client,
            Explain = cell.Explain,
            ExplainNotes = cell.Explain is { } explanation ? [.. ExplainNotes.Of(explanation, cell.RateOffered is not null, Depth(cell.Axes))] : [],
            Percentiles = HtmlCurves.Percentiles(intervals),
            ServicePercentiles = HtmlCurves.Percentiles(latencies.Intervals(cell.Cell, LatencyKind.Service)),
            LagPercentiles = HtmlCurves.Percentiles(latencies.Intervals(cell.Cell, LatencyKind.SendLag)),
            Segments = segments,
            // Without the latencies of that pass there is no stretch of time to draw them on.
            GcPauses = segments.Count == traced ? null : gcPass?.Pauses.Select(pause => pause with { Segment = traced }).ToList(),
            Gc = gcPass?.Sums,
        };
    }

    private static HtmlRound Round(CellRecord record)
    {
        var load = record.Load!;
        var latency = load.LatencyUs;
        return new HtmlRound
        {
            Round = record.Round,
            Iops = HtmlCurves.Digits(load.Iops, 6),
            P50 = Short(latency?.P50),
            P99 = Short(latency?.P99),
            P999 = Short(latency?.P999),
            Max = Short(latency?.Max),
            Saturated = load.Saturated == true,
            Warnings = record.Warnings,
        };
    }

    // All of one connection's requests can be in one batch; with several there are several.
    private static int? Depth(IReadOnlyDictionary<string, string> axes) =>
        axes.GetValueOrDefault("connections") is null or "1" && int.TryParse(axes.GetValueOrDefault("depth"), out var depth) ? depth : null;

    private static double? Short(double? us) => us is { } value ? HtmlCurves.Digits(value, 4) : null;

    private static List<HtmlAxis> Axes(List<HtmlCell> cells) =>
    [
        .. Axis.Names.Concat(cells.SelectMany(cell => cell.Axes.Keys)).Distinct()
            .Select(name => new HtmlAxis(name, [.. Values(name, cells)]))
            .Where(axis => axis.Values.Count > 0 && !(axis.Values is [var only] && Axis.GoesWithoutSaying(axis.Name, only)))
            .OrderBy(axis => axis.Values.Count == 1),
    ];

    private static IEnumerable<string> Values(string axis, List<HtmlCell> cells) => cells
        .Select(cell => cell.Axes.GetValueOrDefault(axis))
        .OfType<string>()
        .Distinct()
        .Order(Comparer<string>.Create(CellOrder.CompareValues));
}
