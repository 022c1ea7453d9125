using Harness.Events;
using Harness.Measure;
using Harness.Results;

namespace Harness.Report;

/// <summary>A run in figures per cell: what the table shows, and what <c>report --json</c> prints.</summary>
internal sealed record ReportDocument
{
    public required string Folder { get; init; }
    public required RunRecord Run { get; init; }

    /// <summary>In the order of the matrix: cells that differ only in their backend stand together.</summary>
    public required IReadOnlyList<CellFigures> Cells { get; init; }

    /// <summary>The pass that traced the collector, cell by cell; empty where there was none.</summary>
    public IReadOnlyList<GcRecord> Gc { get; init; } = [];

    /// <summary>What could not be read, one line each.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Every backend against <c>epoll</c>, over all cells.</summary>
    public IReadOnlyList<BackendRatio> AgainstEpoll { get; init; } = [];

    /// <summary>Full and half duplex, a thread for each side, and recording, against each other; empty where only one of them was measured.</summary>
    public IReadOnlyList<ClientPlace> ClientWays { get; init; } = [];

    /// <summary>The rungs below NBD and those of NBD, place by place; empty where none below NBD was measured.</summary>
    public IReadOnlyList<LadderPlace> Ladder { get; init; } = [];

    /// <summary>The variants of the pipe test; empty where none was measured.</summary>
    public IReadOnlyList<EventFigures> Events { get; init; } = [];

    /// <summary>Whether servers or clients are compared, and not only our backends: the cells then have the axes of <see cref="PeerView"/>.</summary>
    public bool HasPeers { get; init; }
}

/// <summary>One cell over all its rounds. A figure that could not be had is null.</summary>
internal sealed record CellFigures
{
    public required string Cell { get; init; }
    public required IReadOnlyDictionary<string, string> Axes { get; init; }

    /// <summary>Rounds whose figures count.</summary>
    public required int Rounds { get; init; }

    public required int FailedRounds { get; init; }

    /// <summary>Why the first round that failed or was skipped did; null where none did.</summary>
    public string? Reason { get; init; }

    public required bool Skipped { get; init; }

    /// <summary>Over the rounds.</summary>
    public Spread? Iops { get; init; }

    /// <summary>Operations per second over those of <c>epoll</c> with the same other axes, round by round; null where one of the two was saturated.</summary>
    public Spread? RatioToEpoll { get; init; }

    /// <summary>Operations per second over those of the best peer in the same place, round by round.</summary>
    public Spread? RatioToPeer { get; init; }

    /// <summary>The peer of <see cref="RatioToPeer"/>; null where no peer was measured there.</summary>
    public string? BestPeer { get; init; }

    /// <summary>Of all rounds' histograms added up.</summary>
    public LatencySummary? LatencyUs { get; init; }

    /// <summary>Open loop: from when a request was sent to its whole reply, as <see cref="LatencyUs"/>.</summary>
    public LatencySummary? ServiceUs { get; init; }

    /// <summary>Open loop: how late requests were sent, as <see cref="LatencyUs"/>.</summary>
    public LatencySummary? SendLagUs { get; init; }

    /// <summary>Open loop: operations per second that the schedule asked for, over the rounds.</summary>
    public Spread? RateOffered { get; init; }

    /// <summary>
    /// Rounds in which the server did not keep up with its schedule. With one of them the latencies say how long the run was, and nothing here is ranked.
    /// </summary>
    public required int SaturatedRounds { get; init; }

    /// <summary>What spoiled single rounds, by round.</summary>
    public required IReadOnlyList<RoundWarning> Warnings { get; init; }

    /// <summary>Medians over the rounds.</summary>
    public SideCosts? Server { get; init; }

    /// <inheritdoc cref="Server"/>
    public SideCosts? Client { get; init; }

    /// <summary>Where the time went: medians over the rounds, all batches added up.</summary>
    public Explanation? Explain { get; init; }
}

/// <summary>What spoiled a cell's figures in one round.</summary>
internal sealed record RoundWarning(int Round, string Id, string Text, string Remedy);

/// <summary>A figure over several rounds.</summary>
internal sealed record Spread(double Median, double Min, double Max)
{
    /// <summary>The lower end of the median's 95 % interval (<see cref="MedianInterval"/>); null with fewer than six figures.</summary>
    public double? Low { get; init; }

    /// <summary>The upper end, as <see cref="Low"/>.</summary>
    public double? High { get; init; }

    /// <summary>Null where there are no figures.</summary>
    public static Spread? Of(IEnumerable<double> figures)
    {
        var sorted = figures.Order().ToArray();
        if (sorted.Length == 0)
        {
            return null;
        }
        var interval = MedianInterval.Of(sorted);
        return new Spread(MedianOfSorted(sorted), sorted[0], sorted[^1]) { Low = interval?.Low, High = interval?.High };
    }

    /// <summary>Null where there are no figures; those that could not be had do not take part.</summary>
    public static double? MedianOf(IEnumerable<double?> figures) => Of(figures.OfType<double>())?.Median;

    private static double MedianOfSorted(double[] sorted)
    {
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
