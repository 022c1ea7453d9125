using Harness.Io;
using Harness.Matrix;
using Harness.Measure;

namespace Harness.Report;

/// <summary>What <c>probe --json</c> prints.</summary>
internal sealed record ProbeDocument
{
    /// <summary>Which compiled program looked, as <c>run.json</c> names it; null from programs of before they said.</summary>
    public string? Build { get; init; }

    /// <summary>The commit that it was built from.</summary>
    public string? Commit { get; init; }

    public required EnvironmentFacts Environment { get; init; }
    public required IReadOnlyList<BackendState> Backends { get; init; }
    /// <summary>Of threads that only read the clock, at once; null from programs of before they looked.</summary>
    public IReadOnlyList<Stalls>? Stalls { get; init; }

    public required IReadOnlyList<Warning> Warnings { get; init; }

    /// <summary>How io_uring behaves here; empty without one, null from programs of before they tried.</summary>
    public IReadOnlyList<KernelBehaviour>? Behaviours { get; init; }

    public static ProbeDocument Of(EnvironmentFacts facts, IReadOnlyList<Stalls> stalls, IReadOnlyList<Warning> warnings) => new()
    {
        Stalls = stalls,
        Build = ProgramBuild.Id,
        Commit = Checkout.Commit(),
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
