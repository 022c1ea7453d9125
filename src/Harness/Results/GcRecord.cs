namespace Harness.Results;

/// <summary>
/// One cell in the traced pass: <c>gc/CELL.json</c>. The pass runs after the last round, in processes of its own, and stands apart from the records of the
/// rounds: tracing costs time, so nothing that is ranked or compared may rest on it.
/// </summary>
internal sealed record GcRecord
{
    public const int CurrentSchema = 1;

    /// <summary>Raised when a reader of the previous format would misread the new one.</summary>
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The cell's id, see <see cref="Matrix.Cell.Id"/>.</summary>
    public required string Cell { get; init; }

    public required CellStatus Status { get; init; }

    /// <summary>Why it could not be traced, in one line; null where it was.</summary>
    public string? Reason { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>The measured part of this pass; null where there was none.</summary>
    public double? WindowSeconds { get; init; }

    /// <summary>Operations in it.</summary>
    public long? Ops { get; init; }

    /// <summary>The latencies of this pass, which are not the cell's.</summary>
    public LatencySummary? LatencyUs { get; init; }

    /// <summary>What the server's runtime did in the measured part; null where it was not traced.</summary>
    public GcSide? Server { get; init; }

    /// <inheritdoc cref="Server"/>
    public GcSide? Client { get; init; }
}

/// <summary>What the runtime of one process did in the measured part.</summary>
internal sealed record GcSide
{
    /// <summary>Collections by the process's own count, which the load generator asks for just before and after; null where it could not be had.</summary>
    public long? GcCount { get; init; }

    /// <summary>Times at which all threads stood still for a collection; those of <see cref="Pauses"/> and those that it leaves out.</summary>
    public required long PauseCount { get; init; }

    public required double PauseTotalUs { get; init; }

    /// <summary>The longest; null where there was none.</summary>
    public double? PauseMaxUs { get; init; }

    /// <summary>In the order of time; where there are more than <see cref="Trace.SideEvents.MaxPauses"/>, the longest of them.</summary>
    public required IReadOnlyList<GcPause> Pauses { get; init; }

    /// <summary>Samples of allocation: the runtime takes one about every 100 KiB.</summary>
    public required long AllocationTicks { get; init; }

    /// <summary>Bytes that the samples stand for.</summary>
    public required long AllocationSampledBytes { get; init; }

    /// <summary>The types that were met at the samples, largest first; at most <see cref="Trace.SideEvents.MaxTypes"/>.</summary>
    public required IReadOnlyList<GcAllocation> Allocations { get; init; }

    public required GcThreadPool ThreadPool { get; init; }

    /// <summary>Exceptions that were thrown, caught or not.</summary>
    public required long ExceptionCount { get; init; }

    /// <summary>By type, most frequent first; at most <see cref="Trace.SideEvents.MaxTypes"/>.</summary>
    public required IReadOnlyList<GcException> Exceptions { get; init; }

    /// <summary>Events that the runtime had no room for: above zero, the counts are too small.</summary>
    public required long EventsLost { get; init; }
}

/// <summary>All threads stood still for the collector.</summary>
/// <param name="StartSeconds">When it began to stop them, from the start of the measured part.</param>
/// <param name="DurationUs">Until the last was told to go on.</param>
/// <param name="Generation">0, 1 or 2; null where the trace does not say which collection it belongs to.</param>
/// <param name="Reason">Why the collection began, as the runtime names it, like <c>alloc_small</c>; null as above.</param>
internal sealed record GcPause(double StartSeconds, double DurationUs, int? Generation, string? Reason);

/// <summary>What was allocated, by samples.</summary>
internal sealed record GcAllocation(string Type, long SampledBytes, long Ticks);

/// <summary>The thread pool's workers; null where the trace does not say how many there were.</summary>
/// <param name="ThreadsMin">The fewest at any time of the measured part.</param>
/// <param name="ThreadsMax">The most.</param>
/// <param name="Adjustments">How often the pool changed how many there may be.</param>
internal sealed record GcThreadPool(long? ThreadsMin, long? ThreadsMax, long Adjustments);

/// <summary>Exceptions of one type.</summary>
internal sealed record GcException(string Type, long Count);
