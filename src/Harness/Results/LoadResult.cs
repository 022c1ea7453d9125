using System.Text.Json.Serialization;

namespace Harness.Results;

/// <summary>What one run of <c>harness load</c> found: the object that <c>--json</c> prints. A figure that could not be had is null, never 0.</summary>
internal sealed record LoadResult
{
    /// <summary>Operations that completed without error in the measured part.</summary>
    public required long Ops { get; init; }

    /// <summary>Operations that failed, were answered wrongly or timed out, from the first connection to the last sweep.</summary>
    public required long Errors { get; init; }

    /// <summary>The first of them, in one line; null where there was none.</summary>
    public string? FirstError { get; init; }

    /// <summary>When the measured part began, by CLOCK_MONOTONIC: the clock of traces of the same machine. Null in a file that is older.</summary>
    public long? StartedMonotonicNs { get; init; }

    /// <summary>The measured time.</summary>
    public required double Seconds { get; init; }

    /// <summary>How long the load ran before it, until both sides had compiled all their code.</summary>
    public double? WarmupSeconds { get; init; }

    public required double Iops { get; init; }
    public required double BytesPerSecond { get; init; }

    /// <summary>Of a guest whose clock counts instructions: those of server, client and kernel for an operation, waiting included. Null elsewhere.</summary>
    public double? InstructionsPerOp { get; init; }

    /// <summary>
    /// Of a guest whose emulator told them apart: the instructions of <see cref="InstructionsPerOp"/> that ran in user mode. Null elsewhere, and in files that
    /// are older.
    /// </summary>
    public double? UserInstructionsPerOp { get; init; }

    /// <summary>As <see cref="UserInstructionsPerOp"/>, those that ran in the kernel.</summary>
    public double? KernelInstructionsPerOp { get; init; }

    /// <summary>The client's backend, as it names itself; null where the client is not ours.</summary>
    public required string? Backend { get; init; }

    /// <summary>The client's wait mode; null where the client is not ours.</summary>
    public required string? Wait { get; init; }

    /// <summary>
    /// The form of replies that server and client settled on: <c>simple</c>, <c>structured</c> or <c>extended</c>. Null in a file that is older than this
    /// member, which is of simple replies, and where the client is not ours.
    /// </summary>
    public string? Replies { get; init; }

    /// <summary>
    /// What decides when a request starts. <c>closed</c>: the end of the one before it, so a stall of the server delays requests that no latency tells of.
    /// <c>constant</c> and <c>poisson</c>: a schedule. Null in a file that is older than this figure.
    /// </summary>
    public string? Arrivals { get; init; }

    /// <summary>
    /// Microseconds from when a request was to be sent to its whole reply. Closed loop: from when the reply before it was there, so it is
    /// <see cref="ServiceUs"/> and the wait until the request could leave.
    /// </summary>
    public LatencySummary? LatencyUs { get; init; }

    /// <summary>Microseconds from when a request was sent to its whole reply.</summary>
    public LatencySummary? ServiceUs { get; init; }

    /// <summary>Open loop: microseconds from when a request was to be sent to when it was sent.</summary>
    public LatencySummary? SendLagUs { get; init; }

    /// <summary>Open loop: operations per second that the schedule asked for; with Poisson gaps, those that it drew.</summary>
    public double? RateOffered { get; init; }

    /// <summary>Open loop: operations per second that were sent, see <see cref="Load.OpenLoopFigures"/>.</summary>
    public double? RateAchieved { get; init; }

    /// <summary>Open loop: operations that were due and were given up, because the server was too far behind at the schedule's end.</summary>
    public long? Unsent { get; init; }

    /// <summary>
    /// Open loop: the server did not keep up, because less than 99 % of the offered rate was achieved or because latency kept growing
    /// (<see cref="Load.LatencyGrowth"/>). The latencies then measure how long the run was, and their tails rank nothing.
    /// </summary>
    public bool? Saturated { get; init; }

    public required SideCosts Client { get; init; }

    /// <summary>Null where nobody asked the server or its process what it used; a peer's holds CPU time and context switches only.</summary>
    public SideCosts? Server { get; init; }

    /// <summary>Where the time went. Null in a file that is older than this figure.</summary>
    public Explanation? Explain { get; init; }
}

/// <summary>A histogram in eight numbers, in microseconds but for the count.</summary>
internal sealed record LatencySummary
{
    public required double Min { get; init; }
    public required double P50 { get; init; }
    public required double P90 { get; init; }
    public required double P99 { get; init; }

    [JsonPropertyName("p99_9")]
    public required double P999 { get; init; }

    public required double Max { get; init; }
    public required double Mean { get; init; }
    public required long Count { get; init; }
}

/// <summary>What the measured part cost one of the two processes, per operation. Null is a figure that could not be had.</summary>
internal sealed record SideCosts
{
    /// <summary>User and system time of the whole process, in microseconds.</summary>
    public double? CpuUsPerOp { get; init; }

    /// <summary>Of a guest whose clock counts instructions: those of this process, in user mode and in the kernel. Null elsewhere.</summary>
    public double? InstructionsPerOp { get; init; }

    /// <summary>System calls of the loops, <c>io_uring_enter</c> among them.</summary>
    public double? SyscallsPerOp { get; init; }

    /// <summary>Calls of <c>io_uring_enter</c>; null on a backend without a ring.</summary>
    public double? EntersPerOp { get; init; }

    public double? SqesPerOp { get; init; }
    public double? CqesPerOp { get; init; }

    /// <summary>Submission queue entries by opcode, named as in <c>io_uring_enter(2)</c> without <c>IORING_OP_</c>; null on a backend without a ring.</summary>
    public IReadOnlyDictionary<string, double>? SqesByOpcodePerOp { get; init; }

    /// <summary>Bytes that came over the sockets, headers and all.</summary>
    public double? BytesReceivedPerOp { get; init; }

    /// <summary>Bytes that went over the sockets, headers and all.</summary>
    public double? BytesSentPerOp { get; init; }

    /// <summary>Voluntary and involuntary, of all threads.</summary>
    public double? ContextSwitchesPerOp { get; init; }

    /// <summary>Bytes of managed memory.</summary>
    public double? AllocatedBytesPerOp { get; init; }

    /// <summary>Collections in the measured part: a count, not a rate.</summary>
    public long? GcCount { get; init; }

    /// <summary>
    /// Methods that the runtime compiled in the measured part, for the first time or again at a higher tier: a count, not a rate. Above zero, tiering had
    /// not ended, and some operations ran slower code than others.
    /// </summary>
    public long? JitMethodsInWindow { get; init; }

    /// <summary>The set-up flags that the kernel granted to the ring, by name; null on a backend without one.</summary>
    public string? RingFlags { get; init; }
}
