using System.Globalization;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>From what a load generator in a guest found to instructions: a nanosecond of the guest's clock, or of a process's CPU time, is one.</summary>
internal static class GuestFigures
{
    private const double InstructionsPerSecond = 1e9;
    private const double InstructionsPerUs = 1e3;

    /// <summary>What a load generator found, in the terms of a mode, and why it does not count; null where it does.</summary>
    public static (LoadResult Load, string? Spoiled) Of(LoadResult load, Guest.InstructionWindow? window, string mode)
    {
        if (mode == GuestFacts.Timed)
        {
            return (load, Failed(load));
        }
        LoadResult counted = Counted(load, window);
        return (counted, Spoiled(counted));
    }

    /// <summary>In a few words.</summary>
    public static string Summary(LoadResult load) => load.InstructionsPerOp is { } instructions
        ? string.Create(CultureInfo.InvariantCulture, $"{instructions:0.0} instructions per operation")
        : string.Create(CultureInfo.InvariantCulture, $"{load.Iops:N0} operations per second");

    /// <param name="load">What it found.</param>
    /// <param name="window">What the emulator counted in the measured part; null where it did not.</param>
    public static LoadResult Counted(LoadResult load, Guest.InstructionWindow? window = null) => load with
    {
        InstructionsPerOp = load.Ops > 0 ? Math.Round(load.Seconds * InstructionsPerSecond / load.Ops, 3) : null,
        UserInstructionsPerOp = PerOp(window?.User, load.Ops),
        KernelInstructionsPerOp = PerOp(window?.Kernel, load.Ops),
        Client = Counted(load.Client),
        Server = load.Server is { } server ? Counted(server) : null,
    };

    private static double? PerOp(long? instructions, long ops) => ops > 0 && instructions is { } count ? Math.Round((double)count / ops, 3) : null;

    private static SideCosts Counted(SideCosts side) =>
        side with { InstructionsPerOp = side.CpuUsPerOp is { } us ? Math.Round(us * InstructionsPerUs, 3) : null };

    /// <summary>Why the figures of a cell do not count, in one line; null where they do.</summary>
    public static string? Spoiled(LoadResult load) =>
        Failed(load)
        ?? (load.Client.GcCount + (load.Server?.GcCount ?? 0) > 0 ? "a collection fell into the measured part; give the matrix fewer operations"
        : load.Client.JitMethodsInWindow + (load.Server?.JitMethodsInWindow ?? 0) > 0 ? "methods were compiled in the measured part; give the matrix more operations, a tenth of which warm up"
        : null);

    private static string? Failed(LoadResult load) =>
        load.Errors > 0 ? $"{load.Errors} operations failed{(load.FirstError is { } first ? $"; the first: {first}" : "")}" : null;
}
