using System.Globalization;
using Harness.Events;
using Harness.Matrix;
using Harness.Results;
using Spectre.Console;

namespace Harness.Report;

/// <summary>The report as a table for a terminal of 120 columns; plain text where it is piped.</summary>
internal static class ReportTable
{
    public static void Write(ReportDocument report, IAnsiConsole console)
    {
        WriteHeading(report, console);
        WriteWarnings(report, console);
        LadderTable.Write(report.Ladder, console);
        EventsTable.Write(report.Events, console);
        BackendRatioTable.Write(report, console);
        ClientWaysTable.Write(report.ClientWays, console);
        // The rungs below NBD and the pipe test have no more figures than their own tables show.
        var measured = report.Cells.Where(cell => cell.Rounds > 0 && IsNbd(cell)).ToList();
        if (measured.Count > 0)
        {
            // A table that is too wide would have its figures cut off; rather let the line run over.
            console.Profile.Width = 2 * ReportConsole.Width;
            console.Write(Table(measured, report.HasPeers));
            console.Profile.Width = ReportConsole.Width;
            WriteLegend(measured, report.HasPeers, console);
        }
        foreach (var cell in report.Cells.Where(cell => cell.Rounds > 0 && cell.Axes.GetValueOrDefault("layer") == Vocabulary.Syscall))
        {
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cell.Cell}: {1e9 / cell.Iops!.Median:N0} ns a call"));
        }
        if (measured.Count == 0 && report.Ladder.Count + report.Events.Count == 0 && report.Cells.All(cell => cell.Rounds == 0))
        {
            console.WriteLine("no cell has figures");
        }
        WriteTroubles(report, console);
        foreach (var (label, text) in GcLines.Of(report))
        {
            WarningLines.Write(console, label, text);
        }
    }

    private static void WriteHeading(ReportDocument report, IAnsiConsole console)
    {
        var run = report.Run;
        var environment = run.Environment;
        console.WriteLine($"{run.Matrix} · {run.Commit} · {run.Started.UtcDateTime:yyyy-MM-dd HH:mm} UTC · {Rounds(run)} · {run.DurationSeconds:0.###} s per cell after {run.WarmupSeconds:0.###} s warm-up");
        console.WriteLine($"{environment.CpuModel ?? environment.Dotnet.Architecture}, {environment.CpuCount} CPUs · Linux {environment.KernelRelease} · {environment.Dotnet.Version}");
        // Where every cell is a closed loop, as in runs from before there were others, its schedule is not worth a word; nor is one event loop.
        var hasRates = report.Cells.Any(IsOpenLoop);
        var hasLoops = report.Cells.Any(cell => cell.Axes.GetValueOrDefault("loops", "1") != "1");
        var named = Axis.Names.Where(axis => axis != "backend" && (hasRates || axis is not ("rate" or "arrivals")) && (hasLoops || axis != "loops"))
            .Where(axis => report.Cells.Any(cell => PeerView.Names(axis, cell.Axes)));
        var shared = report.Cells.Count == 0 ? [] : named.Where(axis => !Varying(report.Cells).Contains(axis)).Select(axis => $"{axis} {Values(report.Cells, axis).FirstOrDefault()}");
        console.WriteLine($"every cell: {string.Join(" · ", shared)}");
        console.WriteLine();
    }

    private static string Rounds(RunRecord run) => run.Status switch
    {
        RunStatus.Complete => run.Rounds == 1 ? "1 round" : $"{run.Rounds} rounds",
        RunStatus.Interrupted => $"interrupted before the end of {run.Rounds} rounds",
        _ => $"not finished ({run.Rounds} rounds were asked for)",
    };

    private static void WriteWarnings(ReportDocument report, IAnsiConsole console)
    {
        foreach (var warning in report.Run.Warnings)
        {
            WarningLines.Write(console, warning);
        }
        foreach (var problem in report.Problems)
        {
            WarningLines.Write(console, "damaged", problem);
        }
        if (report.Run.Warnings.Count + report.Problems.Count > 0)
        {
            console.WriteLine();
        }
    }

    private static void WriteLegend(IReadOnlyList<CellFigures> cells, bool hasPeers, IAnsiConsole console)
    {
        var open = cells.Any(IsOpenLoop);
        var loop = open ? "" : ", closed loop";
        var baseline = $"{Baseline(hasPeers)}: ratio of iops{(hasPeers ? " to the best peer's" : "")} by round";
        console.WriteLine($"a/b is server/client; p50 to p99.9: latencies in µs{loop}; {baseline}, median min..max");
        if (open)
        {
            console.WriteLine("with a rate, latencies count from when a request was due, and lag p99 says in µs how late requests were sent");
        }
        if (cells.Any(cell => cell.SaturatedRounds > 0))
        {
            console.WriteLine("saturated: the server did not keep up; its (latencies) say how long the run was and rank nothing; lower the rate");
        }
        SpoiledLines.Write(cells, console);
    }

    private static void WriteTroubles(ReportDocument report, IAnsiConsole console)
    {
        foreach (var cell in report.Cells.Where(cell => cell.Reason is not null))
        {
            var label = cell.Skipped ? "skipped" : "failed";
            var rounds = cell.Skipped ? "" : $" in {cell.FailedRounds} of {cell.FailedRounds + cell.Rounds} rounds";
            WarningLines.Write(console, label, $"{cell.Cell}{rounds}: {cell.Reason}");
        }
    }

    // Its title in the table.
    private static string Baseline(bool hasPeers) => hasPeers ? "vs peer" : $"vs {Vocabulary.BaselineBackend}";

    private static Table Table(IReadOnlyList<CellFigures> cells, bool hasPeers)
    {
        var axes = Varying(cells);
        var open = cells.Any(IsOpenLoop);
        string[] lag = open ? ["lag p99"] : [];
        var table = new Table().Border(TableBorder.Simple);
        foreach (var axis in axes)
        {
            Column(table, axis, Justify.Left);
        }
        Column(table, hasPeers ? "server" : "backend", Justify.Left);
        foreach (var title in (string[])["iops", Baseline(hasPeers), "p50", "p99", "p99.9", .. lag, "cpu µs/op", "calls/op", "enters/op", "alloc B/op"])
        {
            Column(table, title, Justify.Right);
        }
        string[]? group = null;
        foreach (var cell in cells)
        {
            var values = axes.Select(axis => cell.Axes.GetValueOrDefault(axis) ?? Figures.None).ToArray();
            var sameGroup = group is not null && values.SequenceEqual(group);
            if (group is not null && !sameGroup)
            {
                table.AddEmptyRow();
            }
            group = values;
            table.AddRow([.. (sameGroup ? values.Select(_ => "") : values).Select(Markup.Escape), .. Row(cell, hasPeers, open)]);
        }
        return table;
    }

    private static string[] Row(CellFigures cell, bool hasPeers, bool withLag) =>
    [
        Markup.Escape(cell.Axes.GetValueOrDefault("backend") ?? Figures.None) + (cell.Warnings.Count > 0 ? $" [yellow]{SpoiledLines.Mark}[/]" : ""),
        Figures.Count(cell.Iops?.Median),
        cell.SaturatedRounds > 0 ? "[yellow]saturated[/]" : Coloured(hasPeers ? cell.RatioToPeer : cell.RatioToEpoll),
        Latency(cell, cell.LatencyUs?.P50),
        Latency(cell, cell.LatencyUs?.P99),
        Latency(cell, cell.LatencyUs?.P999),
        .. withLag ? [Latency(cell, cell.SendLagUs?.P99)] : (string[])[],
        Figures.Pair(cell.Server?.CpuUsPerOp, cell.Client?.CpuUsPerOp),
        Figures.Pair(cell.Server?.SyscallsPerOp, cell.Client?.SyscallsPerOp),
        Figures.Pair(cell.Server?.EntersPerOp, cell.Client?.EntersPerOp),
        Figures.Pair(cell.Server?.AllocatedBytesPerOp, cell.Client?.AllocatedBytesPerOp),
    ];

    // In brackets where it is not the server's: it grows with the run.
    private static string Latency(CellFigures cell, double? us) => us is not null && cell.SaturatedRounds > 0 ? $"({Figures.Short(us)})" : Figures.Short(us);

    // Colour only where every round lay on the same side of 1: the rest has not shown anything.
    private static string Coloured(Spread? ratio) => ratio switch
    {
        { Min: > 1 } => $"[green]{Figures.Ratio(ratio)}[/]",
        { Max: < 1 } => $"[red]{Figures.Ratio(ratio)}[/]",
        _ => Figures.Ratio(ratio),
    };

    /// <summary>Adds a column that is as wide as its widest figure.</summary>
    public static void Column(Table table, string title, Justify justify) =>
        table.AddColumn(new TableColumn(title) { Alignment = justify, NoWrap = true, Padding = new Padding(0, 0, 1, 0) });

    private static bool IsOpenLoop(CellFigures cell) => cell.Axes.GetValueOrDefault("rate", Vocabulary.ClosedLoop) != Vocabulary.ClosedLoop;

    /// <summary>The axes that tell groups of rows apart.</summary>
    public static string[] Varying(IReadOnlyList<CellFigures> cells) => [.. Axis.Names.Where(axis => axis != "backend" && Values(cells, axis).Count() > 1)];

    private static bool IsNbd(CellFigures cell) => cell.Axes.GetValueOrDefault("layer", Vocabulary.Nbd) == Vocabulary.Nbd;

    // Gaps are an open loop's; where no cell is one, they are all the same. What a cell does not have is no value.
    private static IEnumerable<string?> Values(IReadOnlyList<CellFigures> cells, string axis) => cells
        .Where(cell => cell.Axes.GetValueOrDefault(axis) != Vocabulary.None)
        .Where(cell => axis != "arrivals" || IsOpenLoop(cell) || !cells.Any(IsOpenLoop))
        .Select(cell => cell.Axes.GetValueOrDefault(axis))
        .Distinct();
}
