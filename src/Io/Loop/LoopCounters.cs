using System.Runtime.CompilerServices;

namespace Harness.Io;

/// <summary>
/// What one loop has asked of the kernel, counted where it asks. Written by the loop's thread only; another thread reads it by posting to the loop.
/// </summary>
public sealed class LoopCounters
{
    /// <summary>Length of <see cref="SqesByOpcode"/>.</summary>
    public const int OpcodeCount = 64;

    /// <summary>How many names <see cref="SystemCallsByName"/> has.</summary>
    public const int SystemCallNames = (int)SystemCall.shutdown + 1;

    /// <summary>System calls of the loop's thread that this library made, io_uring_enter(2) included: the sum of <see cref="SystemCallsByName"/>.</summary>
    public long SystemCalls
    {
        get
        {
            long sum = 0;
            foreach (long count in SystemCallsByName)
            {
                sum += count;
            }

            return sum;
        }
    }

    /// <summary>The same by name: index <see cref="SystemCall"/>, length <see cref="SystemCallNames"/>.</summary>
    public long[] SystemCallsByName { get; } = new long[SystemCallNames];

    /// <summary>io_uring_enter(2) calls; 0 on backends without a ring.</summary>
    public long Enters { get; set; }

    /// <summary>Submission queue entries handed to the kernel.</summary>
    public long Sqes { get; set; }

    /// <summary>Completion queue entries consumed.</summary>
    public long Cqes { get; set; }

    /// <summary>Waits that were allowed to sleep. One that finds an event returns at once; only the thread's voluntary context switches tell.</summary>
    public long Sleeps { get; set; }

    /// <summary>Looks of a loop that spins, those that found something among them.</summary>
    public long Looks { get; set; }

    /// <summary>Turns of the loop in which something happened.</summary>
    public long Turns { get; set; }

    /// <summary>Operations of the loop (receives, sends, …) whose handlers ran in one turn.</summary>
    public BatchSizes CompletionsPerTurn { get; } = new();

    /// <summary>Bytes received from sockets.</summary>
    public long BytesReceived { get; set; }

    /// <summary>Bytes sent to sockets.</summary>
    public long BytesSent { get; set; }

    /// <summary>Bytes read from and written to files; the kernel copies them, unless the file was opened with O_DIRECT.</summary>
    public long FileBytes { get; set; }

    /// <summary>Times that the completion queue overflowed and was flushed.</summary>
    public long Overflows { get; set; }

    /// <summary>Descriptors whose number stood for another file when a handler was to be called; only a checked loop looks.</summary>
    public long StrangersRefused { get; set; }

    /// <summary>Submission queue entries by opcode (IORING_OP_*); all zero on backends without a ring.</summary>
    public long[] SqesByOpcode { get; } = new long[OpcodeCount];

    /// <summary>Counts a system call that is being made, or has just been.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Count(SystemCall call) => SystemCallsByName[(int)call]++;
}
