using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// What io_uring can do on the running kernel: opcodes, features, and the set-up flags that are granted (<c>IORING_REGISTER_PROBE</c>, 5.6). Any thread.
/// </summary>
public sealed unsafe class RingProbe
{
    private const int MaxOps = 256;

    private readonly bool[] _supported = new bool[MaxOps];

    private RingProbe(Ring ring)
    {
        (Flags, Features) = (ring.Flags, ring.Features);
        nuint size = (nuint)(sizeof(io_uring_probe) + MaxOps * sizeof(io_uring_probe_op));
        io_uring_probe* probe = (io_uring_probe*)NativeMemory.AllocZeroed(size);
        try
        {
            int result = IoUring.Register(ring.FileDescriptor, IoUring.IORING_REGISTER_PROBE, probe, MaxOps);
            // Before 5.6 there is no probe, and nothing of what we use beyond the readiness operations.
            LastOpcode = result < 0 ? -1 : probe->last_op;
            io_uring_probe_op* ops = (io_uring_probe_op*)(probe + 1);
            for (int i = 0; result >= 0 && i < probe->ops_len; i++)
            {
                _supported[ops[i].op] = (ops[i].flags & IoUring.IO_URING_OP_SUPPORTED) != 0;
            }
        }
        finally
        {
            NativeMemory.Free(probe);
        }
    }

    /// <summary>Set-up flags granted to a ring with default options.</summary>
    public SetupFlags Flags { get; }

    /// <summary>Features of that ring.</summary>
    public RingFeatures Features { get; }

    /// <summary>The highest opcode that the kernel knows, or -1 where it cannot say (before 5.6).</summary>
    public int LastOpcode { get; }

    /// <summary>Asks the kernel, through a small ring that is closed at once.</summary>
    /// <exception cref="RingUnavailableException">io_uring is refused or missing.</exception>
    public static RingProbe Run() => Run(RingEnvironment.Real);

    /// <summary>As <see cref="Run()"/>, but answers false where io_uring cannot be had.</summary>
    /// <param name="probe">What the kernel can do.</param>
    /// <param name="reason">Why there is no ring.</param>
    public static bool TryRun([NotNullWhen(true)] out RingProbe? probe, [NotNullWhen(false)] out RingUnavailableException? reason)
    {
        (probe, reason) = (null, null);
        try
        {
            probe = Run();
            return true;
        }
        catch (RingUnavailableException e)
        {
            reason = e;
            return false;
        }
    }

    /// <summary>True when the kernel supports the operation.</summary>
    /// <param name="opcode">Any opcode.</param>
    public bool IsSupported(RingOpcode opcode) => _supported[(int)opcode];

    /// <summary>What a ring that exists can do.</summary>
    internal static RingProbe Of(Ring ring) => new(ring);

    internal static RingProbe Run(RingEnvironment environment)
    {
        using var ring = new Ring(new RingOptions { Entries = 4 }, environment);
        return new RingProbe(ring);
    }
}
