namespace Harness.Compare;

/// <summary>What a history of runs shows: what is printed, and what <c>compare --history --json</c> writes.</summary>
internal sealed record HistoryDocument
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The folder that was searched.</summary>
    public required string Folder { get; init; }

    public required double MinEffect { get; init; }

    /// <summary>The runs that were held against each other, oldest first.</summary>
    public required IReadOnlyList<HistoryRun> Runs { get; init; }

    /// <summary>The changes, in the order of the runs that show them first.</summary>
    public required IReadOnlyList<HistoryChange> Changes { get; init; }

    /// <summary>What was left out and why, one line each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Whether any matrix has two runs, so that there is anything to hold against anything.</summary>
    public required bool EnoughRuns { get; init; }
}

/// <summary>One run of a history.</summary>
internal sealed record HistoryRun(string Folder, string Matrix, string Commit, DateTimeOffset Started);

/// <summary>A figure's new level.</summary>
internal sealed record HistoryChange
{
    public required string Matrix { get; init; }
    public required string Cell { get; init; }
    public required string Figure { get; init; }
    public required FigureKind Kind { get; init; }

    /// <summary>Better or worse.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The last run on the old level, and the first on the new one: the change lies between their commits.</summary>
    public required HistoryRun Last { get; init; }

    /// <inheritdoc cref="Last"/>
    public required HistoryRun First { get; init; }

    /// <summary>The median over the runs of the old level.</summary>
    public required double Before { get; init; }

    /// <summary>The median over the runs of the new level.</summary>
    public required double After { get; init; }

    /// <summary>After over before; null where before is zero.</summary>
    public required double? Ratio { get; init; }
}
