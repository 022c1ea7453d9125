using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>
/// A run that compares servers or clients, as the report shows it. What is compared is then the server, with the client held still: <c>backend</c> holds the
/// server, a peer's name or our backend; <c>client</c> the client, a peer's name or our backend and wait mode. The other axes of the two sides say no more.
/// </summary>
internal static class PeerView
{
    private static readonly string[] s_sides = ["backend", "wait", "server", "client", "client_backend", "client_wait"];

    /// <summary>Whether the run is one.</summary>
    public static bool Applies(IReadOnlyList<CellRecord> records) => records.Any(record =>
        Value(record, "server", Vocabulary.Ours) != Vocabulary.Ours
        || Value(record, "client", Vocabulary.Ours) != Vocabulary.Ours
        || Value(record, "client_backend", Vocabulary.SameAsServer) != Vocabulary.SameAsServer
        || Value(record, "client_wait", Vocabulary.SameAsServer) != Vocabulary.SameAsServer);

    /// <summary>The record with the axes of the view.</summary>
    public static CellRecord Of(CellRecord record)
    {
        var axes = record.Axes.Where(axis => !s_sides.Contains(axis.Key)).ToDictionary();
        var cell = new Cell(record.Axes);
        if (cell.IsBare)
        {
            // It has neither server nor client; what it is stands in its layer, and of the pipe test in its backend.
            axes["backend"] = cell.Backend;
            return record with { Axes = axes };
        }
        axes["client"] = cell.HasOurClient ? $"{cell.ClientBackend} {cell.ClientWait}" : cell["client"];
        // Its wait mode only where it is not what one would think: the client's, and with a peer for a client the one that leaves the CPU free.
        var expected = cell.HasOurClient ? cell.ClientWait : "block";
        var ours = cell["wait"] == expected ? cell.Backend : $"{cell.Backend} {cell["wait"]}";
        axes["backend"] = cell.HasOurServer ? ours : cell["server"];
        return record with { Axes = axes };
    }

    /// <summary>Whether an axis is worth a word among those that all cells share: not where it is missing, nor where there is no peer to tell apart.</summary>
    public static bool Names(string axis, IReadOnlyDictionary<string, string> axes) =>
        axes.TryGetValue(axis, out var value) && !Axis.GoesWithoutSaying(axis, value)
        && (Array.IndexOf(s_sides, axis) < 2 || value is not (Vocabulary.Ours or Vocabulary.SameAsServer));

    /// <summary>Adds to every cell its ratio to the peer with the highest median of operations per second among those with the same other axes.</summary>
    /// <param name="figures">The cells, with the axes of the view.</param>
    /// <param name="cells">Their records.</param>
    /// <param name="place">What tells the places apart in which servers are compared.</param>
    /// <param name="ratios">The ratios of two cells, round by round.</param>
    public static IReadOnlyList<CellFigures> WithRatios(
        IReadOnlyList<CellFigures> figures,
        IReadOnlyList<CellRecord[]> cells,
        Func<CellRecord, string> place,
        Func<IEnumerable<CellRecord>, CellRecord[], IEnumerable<double>> ratios)
    {
        var byId = cells.ToDictionary(rounds => rounds[0].Cell, rounds => rounds.Where(IsMeasured).ToArray());
        var best = figures.Where(cell => cell is { Rounds: > 0, SaturatedRounds: 0 } && Vocabulary.Servers.Skip(1).Contains(cell.Axes["backend"]))
            .GroupBy(cell => place(byId[cell.Cell][0]))
            .ToDictionary(peers => peers.Key, peers => peers.MaxBy(cell => cell.Iops!.Median)!);
        return
        [
            .. figures.Select(cell => cell is { Rounds: > 0, SaturatedRounds: 0 } && best.TryGetValue(place(byId[cell.Cell][0]), out var peer)
                ? cell with { BestPeer = peer.Axes["backend"], RatioToPeer = Spread.Of(ratios(byId[cell.Cell], byId[peer.Cell])) }
                : cell),
        ];
    }

    /// <summary>The peer that is the best one in most places; null where there is none.</summary>
    public static string? OftenBest(IEnumerable<ReportDocument> reports) => reports
        .SelectMany(report => report.Cells)
        .Select(cell => cell.BestPeer)
        .OfType<string>()
        .GroupBy(peer => peer)
        .MaxBy(same => same.Count())?.Key;

    private static bool IsMeasured(CellRecord record) => record is { Status: CellStatus.Ok, Load: not null };

    private static string Value(CellRecord record, string axis, string otherwise) => record.Axes.GetValueOrDefault(axis) ?? otherwise;
}
