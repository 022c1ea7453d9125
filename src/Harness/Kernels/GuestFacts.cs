namespace Harness.Kernels;

/// <summary>What is true of a run in guests, beside what the guest says of itself: <c>guest</c> in <c>run.json</c>.</summary>
internal sealed record GuestFacts
{
    /// <summary>The clock counts instructions, so that figures are costs and repeat; see <see cref="Guest.Qemu"/>.</summary>
    public const string Counted = "counted";

    /// <summary>The clock is the host's, and the CPUs are lent by it (KVM): figures are times, and noise is in them.</summary>
    public const string Timed = "timed";

    public static readonly string[] Modes = [Counted, Timed];

    /// <summary>What the figures are; figures of different modes are never compared.</summary>
    public required string Mode { get; init; }

    public required KernelFacts Kernel { get; init; }

    /// <summary>The emulator's version.</summary>
    public required string Qemu { get; init; }

    /// <summary>The emulated machine: its part of the emulator's command line.</summary>
    public required string Machine { get; init; }

    /// <summary>The hash of the root file system: the same for every kernel of a run.</summary>
    public required string Image { get; init; }

    /// <summary>Whether the program was compiled ahead of time.</summary>
    public required bool ReadyToRun { get; init; }

    /// <summary>Operations of a measured part; null where that is a time.</summary>
    public required long? Ops { get; init; }
}
