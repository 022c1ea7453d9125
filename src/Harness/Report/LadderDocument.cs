namespace Harness.Report;

/// <summary>All rungs of one place, from the lowest up: the ring's NOPs, the bare exchange, and NBD over one store after the other.</summary>
internal sealed record LadderPlace
{
    /// <summary>What the rungs share: wait, connections, depth, size, rw and transport; a place of NOPs alone has a depth only.</summary>
    public required IReadOnlyDictionary<string, string> Axes { get; init; }

    /// <summary>Backend by backend, where a rung has one.</summary>
    public required IReadOnlyList<LadderRung> Rungs { get; init; }
}

/// <summary>One rung beside the one that it stands on. A figure that could not be had is null.</summary>
internal sealed record LadderRung
{
    /// <summary>The cell's id.</summary>
    public required string Cell { get; init; }

    /// <summary><c>nop</c>, <c>exchange</c>, or the store's chain.</summary>
    public required string Rung { get; init; }

    /// <summary>Null for rungs below NBD.</summary>
    public required string? Backend { get; init; }

    /// <summary>Over the rounds.</summary>
    public required Spread? Iops { get; init; }

    /// <summary>Microseconds from one operation to the next, which is the inverse of <see cref="Iops"/>.</summary>
    public required Spread? UsPerOp { get; init; }

    /// <summary>The id of the cell that it stands on; null for the lowest one.</summary>
    public string? Below { get; init; }

    /// <summary>Operations per second over those of <see cref="Below"/>, round by round.</summary>
    public Spread? RatioToBelow { get; init; }

    /// <summary>What the layer adds to <see cref="UsPerOp"/> of <see cref="Below"/>, round by round.</summary>
    public Spread? AddedUsPerOp { get; init; }

    /// <summary>NBD only: operations per second over those of the bare exchange in the same place, round by round.</summary>
    public Spread? RatioToLimit { get; init; }

    /// <summary>Microseconds of CPU per operation, medians over the rounds.</summary>
    public required double? ServerCpuUsPerOp { get; init; }

    /// <inheritdoc cref="ServerCpuUsPerOp"/>
    public required double? ClientCpuUsPerOp { get; init; }
}
