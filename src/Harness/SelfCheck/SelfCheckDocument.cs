using Harness.Compare;
using Harness.Measure;
using Harness.Results;

namespace Harness.SelfCheck;

/// <summary>What a self-check came to: <c>self-check.json</c>, replaced as a whole after every comparison.</summary>
internal sealed record SelfCheckDocument
{
    public const int CurrentSchema = 1;

    /// <summary>Raised when a reader of the previous format would misread the new one.</summary>
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The matrix's name.</summary>
    public required string Matrix { get; init; }

    public required string Machine { get; init; }
    public required string Commit { get; init; }

    /// <summary>Identifies the compiled program, as in <see cref="RunRecord.Build"/>.</summary>
    public required string Build { get; init; }

    public required string CommandLine { get; init; }

    /// <summary>Whether the matrix's <c>brief</c> section was used.</summary>
    public required bool Brief { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Null until the last comparison is made.</summary>
    public DateTimeOffset? Finished { get; init; }

    /// <summary>Comparisons that were asked for.</summary>
    public required int Comparisons { get; init; }

    /// <summary>Rounds of BASE and of the same build in each.</summary>
    public required int Rounds { get; init; }

    public required double DurationSeconds { get; init; }
    public required double WarmupSeconds { get; init; }

    /// <inheritdoc cref="CompareDocument.MinEffect"/>
    public double MinEffect { get; init; } = ComparisonOptions.DefaultMinEffect;

    /// <inheritdoc cref="CompareDocument.FalseAlarmRate"/>
    public double FalseAlarmRate { get; init; } = RankRules.FalseAlarmRate;

    /// <summary>The ids of the cells.</summary>
    public required IReadOnlyList<string> Cells { get; init; }

    public required EnvironmentFacts Environment { get; init; }

    /// <summary>As in <see cref="RunRecord.FingerprintHash"/>; null until something is measured.</summary>
    public string? FingerprintHash { get; init; }

    public SelfCheckSummary Summary { get; init; } = new();

    public IReadOnlyList<SelfCheckComparison> Results { get; init; } = [];
}

/// <summary>One pass: the build against itself, and against itself with each regression.</summary>
internal sealed record SelfCheckComparison
{
    /// <summary>From 1.</summary>
    public required int Number { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>The wall time of the pass.</summary>
    public required double Seconds { get; init; }

    /// <summary>Cells that were measured, each in a round on a side.</summary>
    public required int Measurements { get; init; }

    /// <summary>How many of them were spoiled, by the id of the warning; empty where none was.</summary>
    public required IReadOnlyDictionary<string, int> Spoiled { get; init; }

    public required SameBuildResult SameBuild { get; init; }
    public required IReadOnlyList<SeededResult> Seeded { get; init; }
}

/// <summary>The build against itself, with the gate that looks at all figures.</summary>
internal sealed record SameBuildResult
{
    public required Verdict Verdict { get; init; }

    /// <summary>Figures by what was said of them.</summary>
    public required IReadOnlyDictionary<string, int> Figures { get; init; }

    /// <summary>What was found although there is nothing, in either direction.</summary>
    public required IReadOnlyList<SelfCheckFinding> FalseAlarms { get; init; }
}

/// <summary>The build against itself with a regression.</summary>
internal sealed record SeededResult
{
    /// <summary>One of <see cref="Serve.SeededRegression.Kinds"/>.</summary>
    public required string Kind { get; init; }

    public required Gate Gate { get; init; }

    /// <summary>Whether a figure that the regression moves was found worse.</summary>
    public required bool Found { get; init; }

    public required Verdict Verdict { get; init; }

    /// <summary>Why it was not found, where that is known; null where it was.</summary>
    public string? Reason { get; init; }

    /// <summary>What was found worse.</summary>
    public required IReadOnlyList<SelfCheckFinding> Findings { get; init; }
}

/// <summary>A figure that differs, or a cell that fails.</summary>
internal sealed record SelfCheckFinding
{
    public required string Cell { get; init; }

    /// <summary>Null where the cell itself fails.</summary>
    public string? Figure { get; init; }

    /// <inheritdoc cref="Figure"/>
    public FigureKind? Kind { get; init; }

    public required Verdict Verdict { get; init; }
    public double? Base { get; init; }
    public double? New { get; init; }
    public double? P { get; init; }
    public double? Tolerance { get; init; }

    /// <summary>Why the cell fails; null for a figure.</summary>
    public string? Reason { get; init; }
}

/// <summary>All comparisons so far, and whether they are as they should be.</summary>
internal sealed record SelfCheckSummary
{
    /// <summary>Comparisons made.</summary>
    public int Comparisons { get; init; }

    /// <summary>Those that raised a false alarm in a figure that is the same on every run.</summary>
    public int InvariantFalseAlarms { get; init; }

    /// <summary>Those that raised one in a timed or load-dependent figure, or because a cell failed.</summary>
    public int RankedFalseAlarms { get; init; }

    /// <summary>How many of the second there may be: one in twenty, and one.</summary>
    public int RankedFalseAlarmsAllowed { get; init; }

    /// <summary>In how many comparisons each regression was found.</summary>
    public IReadOnlyDictionary<string, int> Found { get; init; } = new Dictionary<string, int>();

    /// <summary>Null until all comparisons are made.</summary>
    public bool? Passed { get; init; }
}
