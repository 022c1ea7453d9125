using System.Text.Json.Serialization;
using Harness.Results;
using MathNet.Numerics.Statistics;

namespace Harness.Kernels;

/// <summary>A cell on one kernel: medians over its boots.</summary>
internal sealed record KernelFigure
{
    /// <summary>Boots that measured it.</summary>
    public required int Boots { get; init; }

    /// <summary>What it costs: guest instructions, of both processes and the kernel; null where the guest's clock kept time.</summary>
    public double? InstructionsPerOp { get; init; }

    /// <summary>Time from one operation to the next; null where the guest's clock counted instructions.</summary>
    public double? UsPerOp { get; init; }

    public double? ServerInstructionsPerOp { get; init; }
    public double? ClientInstructionsPerOp { get; init; }

    /// <summary>Of <see cref="InstructionsPerOp"/>, those in user mode; null where the emulator did not tell them apart.</summary>
    public double? UserInstructionsPerOp { get; init; }

    /// <summary>Of <see cref="InstructionsPerOp"/>, those in the kernel.</summary>
    public double? KernelInstructionsPerOp { get; init; }

    /// <summary>System calls of both sides.</summary>
    public double? SyscallsPerOp { get; init; }

    /// <summary>Of <see cref="SyscallsPerOp"/>, those of <c>io_uring_enter</c>; null where neither side has a ring.</summary>
    public double? EntersPerOp { get; init; }

    /// <summary>The largest of the boots over the smallest, less one, in percent.</summary>
    public double? SpreadPercent { get; init; }

    /// <summary>Why there is no figure; null where there is one.</summary>
    public string? Reason { get; init; }

    /// <summary>The one figure that its mode has.</summary>
    [JsonIgnore]
    public double? PerOp => InstructionsPerOp ?? UsPerOp;

    /// <param name="records">The cell's records on one kernel.</param>
    /// <param name="counted">Whether the clock counted instructions.</param>
    public static KernelFigure Of(IReadOnlyList<CellRecord> records, bool counted)
    {
        LoadResult[] loads = [.. records.Where(record => record.Status == CellStatus.Ok).Select(record => record.Load).OfType<LoadResult>()];
        double[] all = [.. loads.Select(load => counted ? load.InstructionsPerOp : UsOf(load)).OfType<double>()];
        if (all.Length == 0)
        {
            string reason = records.Count == 0 ? "not measured" : $"{records[0].Status.ToString().ToLowerInvariant()}: {records[0].Reason}";
            return new KernelFigure { Boots = 0, Reason = reason };
        }
        return new KernelFigure
        {
            Boots = all.Length,
            InstructionsPerOp = counted ? all.Median() : null,
            UsPerOp = counted ? null : all.Median(),
            ServerInstructionsPerOp = Median(loads.Select(load => load.Server?.InstructionsPerOp)),
            ClientInstructionsPerOp = Median(loads.Select(load => load.Client.InstructionsPerOp)),
            UserInstructionsPerOp = Median(loads.Select(load => load.UserInstructionsPerOp)),
            KernelInstructionsPerOp = Median(loads.Select(load => load.KernelInstructionsPerOp)),
            SyscallsPerOp = Median(loads.Select(load => (load.Server?.SyscallsPerOp ?? 0) + load.Client.SyscallsPerOp)),
            EntersPerOp = Median(loads.Select(Enters)),
            SpreadPercent = 100 * ((all.Max() / all.Min()) - 1),
        };
    }

    private static double? Enters(LoadResult load) =>
        load.Server?.EntersPerOp is { } server ? server + (load.Client.EntersPerOp ?? 0) : load.Client.EntersPerOp;

    private static double? UsOf(LoadResult load) => load.Iops > 0 ? 1e6 / load.Iops : null;

    private static double? Median(IEnumerable<double?> values) => values.OfType<double>().ToArray() is { Length: > 0 } some ? some.Median() : null;
}
