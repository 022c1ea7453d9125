using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Timeline;

namespace Harness.Run;

/// <summary>What one cell in one round came to.</summary>
/// <param name="Status">Whether its figures count.</param>
/// <param name="Reason">Why not, in one line; null where they do.</param>
/// <param name="Load">The load generator's result, where it printed one.</param>
/// <param name="HlogPath">Its latency log, with an open loop's other two beside it, until the next cell runs; null where there is none.</param>
internal sealed record CellOutcome(CellStatus Status, string? Reason, LoadResult? Load, string? HlogPath)
{
    /// <summary>What the client's sides did, where it was to record that in place of measuring.</summary>
    public TimelineDocument? Timeline { get; init; }

    /// <summary>What took CPU time from it; null where that was not watched.</summary>
    public Disturbance? Disturbance { get; init; }

    /// <summary>The server, where that was a peer.</summary>
    public PeerFacts? ServerPeer { get; init; }

    /// <summary>The load generator, where that was a peer.</summary>
    public PeerFacts? ClientPeer { get; init; }

    /// <summary>What spoiled its figures.</summary>
    public IReadOnlyList<Warning> Warnings => SpoiledCell.Of(Disturbance, Load?.Client.JitMethodsInWindow, Load?.Server?.JitMethodsInWindow);

    public static CellOutcome Failed(string reason) => new(CellStatus.Failed, reason, null, null);
}

/// <summary>Measures one cell. Tests put a scripted one in its place.</summary>
internal interface ICellRunner : IDisposable
{
    /// <summary>Failures of the cell come back as an outcome; only cancellation is thrown.</summary>
    Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel);
}
