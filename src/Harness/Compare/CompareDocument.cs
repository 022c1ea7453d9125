using Harness.Results;

namespace Harness.Compare;

/// <summary>A comparison: what is printed, and what <c>compare --json</c> writes.</summary>
internal sealed record CompareDocument
{
    public const int CurrentSchema = 1;

    /// <summary>Raised when a reader of the previous format would misread the new one.</summary>
    public int Schema { get; init; } = CurrentSchema;

    public required Verdict Verdict { get; init; }
    public required Gate Gate { get; init; }

    /// <summary>The least relative change that matters, as a share: 0.03.</summary>
    public required double MinEffect { get; init; }

    /// <summary>The chance of any alarm among the figures judged over rounds, were both sides the same.</summary>
    public required double FalseAlarmRate { get; init; }

    /// <summary>The fact that was declared to differ; null where none was.</summary>
    public required string? Factor { get; init; }

    /// <summary>Whether the rounds of both sides were measured in turns.</summary>
    public required bool InTurns { get; init; }

    public required ComparedSide Base { get; init; }
    public required ComparedSide New { get; init; }

    /// <summary>What else to know, in one line each: facts that only one side has, damage, warnings of the runs.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    public required IReadOnlyList<CellVerdict> Cells { get; init; }

    public int Count(Verdict verdict) => Cells.Count(cell => cell.Verdict == verdict);
}

/// <summary>What was compared.</summary>
internal sealed record ComparedSide
{
    /// <summary>The runs' folders, as they were named.</summary>
    public required IReadOnlyList<string> Runs { get; init; }

    public required string Matrix { get; init; }
    public required string Commit { get; init; }
    public required string? KernelRelease { get; init; }
    public required DateTimeOffset Started { get; init; }

    /// <summary>The regression that it had on purpose, to check the gate; null where it had none.</summary>
    public string? SeededRegression { get; init; }

    public static ComparedSide Of(RunPool pool) => new()
    {
        Runs = [.. pool.Runs.Select(run => run.Folder)],
        Matrix = Joined(pool, run => run.Matrix),
        Commit = Joined(pool, run => run.Commit),
        KernelRelease = pool.Runs[0].Run.Environment.KernelRelease,
        Started = pool.Runs.Min(run => run.Run.Started),
        SeededRegression = pool.Runs[0].Run.SeededRegression,
    };

    private static string Joined(RunPool pool, Func<RunRecord, string> part) => string.Join(' ', pool.Runs.Select(run => part(run.Run)).Distinct());
}

/// <summary>One cell: its verdict is that of the figures that are gated.</summary>
internal sealed record CellVerdict
{
    public required string Cell { get; init; }
    public required IReadOnlyDictionary<string, string> Axes { get; init; }
    public required Verdict Verdict { get; init; }

    /// <summary>The figure that decided, by name; null where all of them did (same), or the cell itself (it fails, or is not there).</summary>
    public string? DecidedBy { get; init; }

    /// <summary>Why, where no figure decided or it could not.</summary>
    public string? Reason { get; init; }

    public required IReadOnlyList<FigureResult> Figures { get; init; }

    public FigureResult? Decider => Figures.FirstOrDefault(figure => figure.Figure == DecidedBy);
}
