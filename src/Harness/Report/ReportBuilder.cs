using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>From the records of single rounds to figures per cell.</summary>
internal static class ReportBuilder
{
    public static ReportDocument Build(RunData data)
    {
        var latencies = new LatencyFiles(data.Folder);
        var hasPeers = PeerView.Applies(data.Cells);
        var records = hasPeers ? [.. data.Cells.Select(PeerView.Of)] : data.Cells;
        var cells = records.GroupBy(record => record.Cell).Select(rounds => rounds.ToArray()).ToList();
        // Records of one baseline cell, by what it shares with the cells that are compared to it.
        var baselines = cells
            .Where(rounds => rounds[0].Axes.GetValueOrDefault("backend") == Vocabulary.BaselineBackend && !EventsView.Has(rounds[0]))
            .GroupBy(rounds => OtherAxes(rounds[0]))
            .ToDictionary(sameAxes => sameAxes.Key, sameAxes => sameAxes.First());
        var problems = data.Problems.ToList();
        var figures = cells
            .OrderBy(rounds => rounds[0], CellOrder.Instance)
            .Select(rounds => Figures(rounds, baselines.GetValueOrDefault(OtherAxes(rounds[0])), latencies, problems))
            .ToList();
        return new ReportDocument
        {
            Folder = data.Folder,
            Run = data.Run,
            Problems = problems,
            Cells = hasPeers ? PeerView.WithRatios(figures, cells, OtherAxes, Ratios) : figures,
            HasPeers = hasPeers,
            AgainstEpoll = hasPeers ? [] : BackendRatios.Of(figures),
            ClientWays = ClientWays.Of(cells, Ratios),
            Ladder = LadderView.Places(data.Cells),
            Events = EventsView.Of(data.Cells),
            Gc = [.. data.Gc.Select(cell => cell.Record)],
        };
    }

    private static CellFigures Figures(CellRecord[] rounds, CellRecord[]? baselineRounds, LatencyFiles latencies, List<string> problems)
    {
        var ok = Measured(rounds).ToArray();
        var baseline = Measured(baselineRounds ?? []).ToArray();
        var saturated = Saturated(ok);
        var troubled = rounds.FirstOrDefault(record => record.Status != CellStatus.Ok);
        return new CellFigures
        {
            Cell = rounds[0].Cell,
            Axes = rounds[0].Axes,
            Rounds = ok.Length,
            FailedRounds = rounds.Count(record => record.Status == CellStatus.Failed),
            Skipped = rounds.All(record => record.Status == CellStatus.Skipped),
            Reason = troubled?.Reason,
            Iops = Spread.Of(ok.Select(record => record.Load!.Iops)),
            RatioToEpoll = saturated + Saturated(baseline) > 0 ? null : Spread.Of(Ratios(ok, baseline)),
            LatencyUs = latencies.Summary(rounds[0].Cell, problems),
            ServiceUs = latencies.Summary(rounds[0].Cell, problems, LatencyKind.Service),
            SendLagUs = latencies.Summary(rounds[0].Cell, problems, LatencyKind.SendLag),
            RateOffered = Spread.Of(ok.Select(record => record.Load!.RateOffered).OfType<double>()),
            SaturatedRounds = saturated,
            Warnings = Warnings(ok),
            Server = Medians(ok.Select(record => record.Load!.Server)),
            Client = Medians(ok.Select(record => record.Load!.Client)),
            Explain = ExplainMedians.Of(ok.Select(record => record.Load!.Explain)),
        };
    }

    private static IEnumerable<CellRecord> Measured(IEnumerable<CellRecord> rounds) =>
        rounds.Where(record => record is { Status: CellStatus.Ok, Load: not null });

    private static int Saturated(IEnumerable<CellRecord> measured) => measured.Count(record => record.Load!.Saturated == true);

    private static IReadOnlyList<RoundWarning> Warnings(IEnumerable<CellRecord> measured) =>
    [
        .. from record in measured
           orderby record.Round
           from warning in record.Warnings
           select new RoundWarning(record.Round, warning.Id, warning.Text, warning.Remedy),
    ];

    // Paired by round: what slowed the machine down in one round slowed both, and cancels out.
    private static IEnumerable<double> Ratios(IEnumerable<CellRecord> cell, CellRecord[] baseline) =>
        from mine in cell
        join other in baseline on mine.Round equals other.Round
        where other.Load!.Iops > 0
        select mine.Load!.Iops / other.Load!.Iops;

    private static SideCosts? Medians(IEnumerable<SideCosts?> rounds)
    {
        var sides = rounds.OfType<SideCosts>().ToArray();
        return sides.Length == 0 ? null : new SideCosts
        {
            CpuUsPerOp = Spread.MedianOf(sides.Select(side => side.CpuUsPerOp)),
            InstructionsPerOp = Spread.MedianOf(sides.Select(side => side.InstructionsPerOp)),
            SyscallsPerOp = Spread.MedianOf(sides.Select(side => side.SyscallsPerOp)),
            EntersPerOp = Spread.MedianOf(sides.Select(side => side.EntersPerOp)),
            SqesPerOp = Spread.MedianOf(sides.Select(side => side.SqesPerOp)),
            CqesPerOp = Spread.MedianOf(sides.Select(side => side.CqesPerOp)),
            SqesByOpcodePerOp = OpcodeMedians(sides),
            BytesReceivedPerOp = Spread.MedianOf(sides.Select(side => side.BytesReceivedPerOp)),
            BytesSentPerOp = Spread.MedianOf(sides.Select(side => side.BytesSentPerOp)),
            ContextSwitchesPerOp = Spread.MedianOf(sides.Select(side => side.ContextSwitchesPerOp)),
            AllocatedBytesPerOp = Spread.MedianOf(sides.Select(side => side.AllocatedBytesPerOp)),
            GcCount = sides.All(side => side.GcCount is null) ? null : sides.Sum(side => side.GcCount ?? 0),
            JitMethodsInWindow = sides.Max(side => side.JitMethodsInWindow),
            RingFlags = sides[0].RingFlags,
        };
    }

    // An opcode that a round did not use was used no times in it.
    private static Dictionary<string, double>? OpcodeMedians(SideCosts[] sides)
    {
        var rounds = sides.Select(side => side.SqesByOpcodePerOp).OfType<IReadOnlyDictionary<string, double>>().ToArray();
        return rounds.Length == 0 ? null : rounds
            .SelectMany(round => round.Keys)
            .Distinct()
            .ToDictionary(opcode => opcode, opcode => Spread.Of(rounds.Select(round => round.GetValueOrDefault(opcode)))!.Median);
    }

    private static string OtherAxes(CellRecord record) => string.Join('\n', Axis.Names
        .Where(name => name != "backend")
        .Select(name => record.Axes.GetValueOrDefault(name) ?? ""));
}
