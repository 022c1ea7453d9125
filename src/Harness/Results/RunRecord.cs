using Harness.Kernels;
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

    /// <summary>The <c>--filter</c> that chose the cells; null where all were to run.</summary>
    public string? Filter { get; init; }

    /// <summary>Whether the matrix's <c>brief</c> section replaced what stands above it.</summary>
    public bool Brief { get; init; }

    /// <summary>Whether every cell was to be measured once more after the last round, traced: see <see cref="GcRecord"/>.</summary>
    public bool GcPass { get; init; }

    /// <summary>Identifies the compiled program: two builds of the same source have the same. Null in a run that did not record it.</summary>
    public string? Build { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>When it was resumed; empty for a run that went through.</summary>
    public IReadOnlyList<DateTimeOffset> Resumed { get; init; } = [];

    /// <summary>Null while the run goes on, and for ever where it was killed.</summary>
    public DateTimeOffset? Finished { get; init; }

    public required RunStatus Status { get; init; }

    /// <summary>The CPU that each process was pinned to; null where it was not.</summary>
    public int? ServerCpu { get; init; }

    /// <inheritdoc cref="ServerCpu"/>
    public int? LoadCpu { get; init; }

    /// <summary>The congestion control that both sides' TCP sockets were set to; null where the machine's default held.</summary>
    public string? TcpCongestionControl { get; init; }

    /// <summary>
    /// Operations per second of closed loops, by the id of the cell: what rates in percent are shares of (<see cref="Run.SaturatedRates"/>). Empty where there
    /// are none.
    /// </summary>
    public IReadOnlyDictionary<string, double> SaturatedRates { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// The regression that its servers had on purpose (<see cref="Serve.SeededRegression"/>); null where they had none. Apart from the environment, since such
    /// a run is there to be compared to one without.
    /// </summary>
    public string? SeededRegression { get; init; }

    public required EnvironmentFacts Environment { get; init; }

    /// <summary>Of a run in guests, which then are what <see cref="Environment"/> describes; null of any other.</summary>
    public GuestFacts? Guest { get; init; }

    /// <summary>What spoils the run as a whole, from its beginning and, once it has ended, from its cells.</summary>
    public required IReadOnlyList<Warning> Warnings { get; init; }

    /// <summary>
    /// The hash of the facts that must match for another run to be comparable to this one (<see cref="Compare.Fingerprint"/>), for readers that only ask
    /// whether two runs have the same.
    /// </summary>
    public string? FingerprintHash { get; init; }
}

internal enum RunStatus
{
    /// <summary>Still going on, or ended by a signal that leaves no time to say so.</summary>
    Running,
    Complete,
    Interrupted,
}
