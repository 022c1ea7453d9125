using Harness.Measure;

namespace Harness.Results;

/// <summary>One cell in one round: a line of <c>cells.jsonl</c>.</summary>
internal sealed record CellRecord
{
    /// <summary>The cell's id, see <see cref="Matrix.Cell.Id"/>.</summary>
    public required string Cell { get; init; }

    /// <summary>From 1; 0 for a cell that was skipped before the first round.</summary>
    public required int Round { get; init; }

    public required CellStatus Status { get; init; }

    /// <summary>Why it failed or was skipped, in one line; null where it ran.</summary>
    public string? Reason { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Wall time with starting and stopping both processes.</summary>
    public required double Seconds { get; init; }

    /// <summary>The canonical value of every axis.</summary>
    public required IReadOnlyDictionary<string, string> Axes { get; init; }

    /// <summary>The server, where that was a peer; null where it was ours.</summary>
    public PeerFacts? ServerPeer { get; init; }

    /// <summary>The load generator, where that was a peer; null where it was ours.</summary>
    public PeerFacts? ClientPeer { get; init; }

    /// <summary>What <c>harness load</c> printed, or what a peer reported in these terms; null where there was nothing.</summary>
    public LoadResult? Load { get; init; }

    /// <summary>What took CPU time from it; null where that was not watched.</summary>
    public Disturbance? Disturbance { get; init; }

    /// <summary>What spoiled its figures; empty where nothing did.</summary>
    public IReadOnlyList<Warning> Warnings { get; init; } = [];
}

internal enum CellStatus
{
    Ok,
    Failed,
    Skipped,
}
