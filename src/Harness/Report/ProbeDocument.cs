using Harness.Matrix;
using Harness.Measure;

namespace Harness.Report;

/// <summary>What <c>probe --json</c> prints.</summary>
internal sealed record ProbeDocument
{
    public required EnvironmentFacts Environment { get; init; }
    public required IReadOnlyList<BackendState> Backends { get; init; }
    public required IReadOnlyList<Warning> Warnings { get; init; }

    public static ProbeDocument Of(EnvironmentFacts facts, IReadOnlyList<Warning> warnings) => new()
    {
        Environment = facts,
        Warnings = warnings,
        Backends = [.. Vocabulary.Backends.Select(name => State(name, facts.IoUring))],
    };

    private static BackendState State(string name, RingFacts ring) =>
        Vocabulary.NeedsRing(name) && !ring.Available ? new BackendState(name, false, ring.Refusal) : new BackendState(name, true, null);
}

/// <summary>Whether a backend can run here.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Available">Whether it can.</param>
/// <param name="Reason">Why not; null where it can.</param>
internal sealed record BackendState(string Name, bool Available, string? Reason);
