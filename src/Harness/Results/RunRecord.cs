using Harness.Measure;

namespace Harness.Results;

/// <summary>What holds for a whole run: <c>run.json</c>.</summary>
internal sealed record RunRecord
{
    public const int CurrentSchema = 1;

    /// <summary>Raised when a reader of the previous format would misread the new one.</summary>
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The matrix's name.</summary>
    public required string Matrix { get; init; }

    /// <summary>The machine's name, which is the folder that holds the run.</summary>
    public required string Machine { get; init; }

    public required string Commit { get; init; }
    public required string CommandLine { get; init; }
    public required ulong Seed { get; init; }
    public required int Rounds { get; init; }
    public required double DurationSeconds { get; init; }
    public required double WarmupSeconds { get; init; }

    /// <summary>Cells of the matrix that were to run, those skipped among them.</summary>
    public required int CellCount { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Null while the run goes on, and for ever where it was killed.</summary>
    public DateTimeOffset? Finished { get; init; }

    public required RunStatus Status { get; init; }

    /// <summary>The CPU that each process was pinned to; null where it was not.</summary>
    public int? ServerCpu { get; init; }

    /// <inheritdoc cref="ServerCpu"/>
    public int? LoadCpu { get; init; }

    public required EnvironmentFacts Environment { get; init; }
    public required IReadOnlyList<Warning> Warnings { get; init; }
}

internal enum RunStatus
{
    /// <summary>Still going on, or ended by a signal that leaves no time to say so.</summary>
    Running,
    Complete,
    Interrupted,
}
