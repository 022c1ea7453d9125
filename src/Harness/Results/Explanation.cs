namespace Harness.Results;

/// <summary>Where the time of a measured part went, on both sides.</summary>
internal sealed record Explanation
{
    /// <summary>Null where the client is not ours.</summary>
    public ExplainedSide? Client { get; init; }

    /// <summary>Null where nobody asked the server or its process; a peer's holds its time only.</summary>
    public ExplainedSide? Server { get; init; }
}

/// <summary>
/// What the loops of one process did for an operation, as they count it themselves, and what the kernel says of their threads. Null is a figure that could not
/// be had.
/// </summary>
internal sealed record ExplainedSide
{
    /// <summary>The measured time of all loops by the operations: the whole that the four times below are parts of.</summary>
    public double? WallUsPerOp { get; init; }

    /// <summary>On the CPU in user mode; a loop that spins waits there.</summary>
    public double? UserUsPerOp { get; init; }

    /// <summary>On the CPU in the kernel.</summary>
    public double? KernelUsPerOp { get; init; }

    /// <summary>Ready to run, without a CPU: another thread had it, or it was just being woken.</summary>
    public double? RunnableUsPerOp { get; init; }

    /// <summary>Asleep: what is left of the wall time.</summary>
    public double? AsleepUsPerOp { get; init; }

    /// <summary>CPU time of all other threads of the process, those of the runtime among them.</summary>
    public double? OtherThreadsUsPerOp { get; init; }

    /// <summary>Named as strace(1) does; one that was not made is not named.</summary>
    public IReadOnlyDictionary<string, double>? SyscallsByNamePerOp { get; init; }

    /// <summary>Turns of the loops.</summary>
    public double? TurnsPerOp { get; init; }

    /// <summary>System calls that were allowed to sleep.</summary>
    public double? WaitsPerOp { get; init; }

    /// <summary>Times that a loop's thread did sleep and was woken: its voluntary context switches.</summary>
    public double? WakeUpsPerOp { get; init; }

    /// <summary>Looks of loops that spin.</summary>
    public double? LooksPerOp { get; init; }

    /// <summary>Bytes of data that our code copied from memory to memory.</summary>
    public double? UserCopiedBytesPerOp { get; init; }

    /// <summary>Bytes that the kernel copied for the loops: received, sent, read from and written to files.</summary>
    public double? KernelCopiedBytesPerOp { get; init; }

    public BatchFigures? CompletionsPerTurn { get; init; }

    /// <summary>Replies to a client, requests to a server.</summary>
    public BatchFigures? MessagesPerReceive { get; init; }

    /// <summary>Requests of a client, replies of a server.</summary>
    public BatchFigures? MessagesPerSend { get; init; }
}

/// <summary>How large batches were.</summary>
internal sealed record BatchFigures
{
    /// <summary>The mean; null where there was no batch.</summary>
    public double? Mean { get; init; }

    /// <summary>Batches by their size: each name is the least size of a bucket, which ends before its double. A bucket without batches is not named.</summary>
    public required IReadOnlyDictionary<string, long> Counts { get; init; }
}
