namespace Harness.Io;

/// <summary>
/// What one loop has asked of the kernel, counted where it asks. Written by the loop's thread only; another thread reads it by posting to the loop.
/// </summary>
public sealed class LoopCounters
{
    /// <summary>Length of <see cref="SqesByOpcode"/>.</summary>
    public const int OpcodeCount = 64;

    /// <summary>System calls of the loop's thread that this library made, io_uring_enter(2) included.</summary>
    public long SystemCalls { get; set; }

    /// <summary>io_uring_enter(2) calls; 0 on backends without a ring.</summary>
    public long Enters { get; set; }

    /// <summary>Submission queue entries handed to the kernel.</summary>
    public long Sqes { get; set; }

    /// <summary>Completion queue entries consumed.</summary>
    public long Cqes { get; set; }

    /// <summary>Calls that were allowed to sleep.</summary>
    public long Sleeps { get; set; }

    /// <summary>Turns of the loop in which something happened.</summary>
    public long Turns { get; set; }

    /// <summary>Bytes received from sockets.</summary>
    public long BytesReceived { get; set; }

    /// <summary>Bytes sent to sockets.</summary>
    public long BytesSent { get; set; }

    /// <summary>Times that the completion queue overflowed and was flushed.</summary>
    public long Overflows { get; set; }

    /// <summary>Submission queue entries by opcode (IORING_OP_*); all zero on backends without a ring.</summary>
    public long[] SqesByOpcode { get; } = new long[OpcodeCount];
}
