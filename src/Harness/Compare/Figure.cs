using Harness.Results;

namespace Harness.Compare;

/// <summary>One number of a cell's record, and how it is judged.</summary>
internal sealed record Figure
{
    /// <summary>Its path in the record's <c>load</c> object, like <c>server.syscalls_per_op</c>.</summary>
    public required string Name { get; init; }

    public required FigureKind Kind { get; init; }

    /// <summary>Only of speeds; of all else less is better.</summary>
    public bool HigherIsBetter { get; init; }

    /// <summary>Null where the record does not have it.</summary>
    public required Func<LoadResult, double?> Read { get; init; }

    /// <summary>
    /// Invariant: what one measured part may count more or less than its operations account for, because it begins and ends in the middle of
    /// something. A total, so per operation it shrinks as the part grows.
    /// </summary>
    public double EdgePerWindow { get; init; }

    /// <summary>Invariant: the share by which rounds of the same code may differ.</summary>
    public double Play { get; init; }

    /// <summary>Invariant: the least that code which does more for every operation adds to it. What hides it hides all, so then nothing is said.</summary>
    public double SmallestStep { get; init; } = double.PositiveInfinity;

    /// <summary>Judged over rounds: a change of less than this is none, however large the ratio. For counts that are next to nothing.</summary>
    public double LeastChange { get; init; }

    /// <summary>Why the figure of such a record is not to be ranked; null where it may be.</summary>
    public Func<LoadResult, string?> NotRanked { get; init; } = _ => null;
}
