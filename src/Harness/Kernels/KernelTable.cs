using System.Text.Json;
using Harness.Compare;
using Harness.Io;
using Harness.Kernels.Archive;
using Harness.Report;
using Harness.Results;
using MathNet.Numerics.Statistics;

namespace Harness.Kernels;

/// <summary>Runs of one matrix on several kernels, side by side: what <c>harness kernels compare --json</c> prints.</summary>
internal sealed record KernelTable
{
    /// <summary>The kernels, oldest first; the first is the base.</summary>
    public required IReadOnlyList<KernelColumn> Kernels { get; init; }

    public required IReadOnlyList<KernelRow> Cells { get; init; }

    /// <summary>How io_uring behaves, by experiment.</summary>
    public required IReadOnlyList<KernelBehaviourRow> Behaviours { get; init; }

    /// <exception cref="HarnessException">The runs cannot stand beside each other.</exception>
    public static KernelTable Of(IReadOnlyList<RunData> runs)
    {
        if (runs.FirstOrDefault(run => run.Run.Guest?.Mode != GuestFacts.Counted) is { } other)
        {
            throw new HarnessException(ExitCode.Usage, $"'{other.Folder}' was not counted in a guest; give folders that harness kernels run wrote, like results/guest-<kernel>/<date>-<matrix>-<commit>");
        }
        RunData[] sorted = [.. runs.OrderBy(run => run.Run.Guest!.Kernel.Release, DebianVersion.Order).ThenBy(run => run.Run.Started)];
        foreach (RunData run in sorted.Skip(1))
        {
            if (Fingerprint.Differences(Fingerprint.Of(sorted[0].Run), Fingerprint.Of(run.Run), Fingerprint.KernelFactor) is [var difference, ..])
            {
                throw new HarnessException(ExitCode.Usage, $"more than the kernel differs: {difference} ('{sorted[0].Folder}' and '{run.Folder}'); compare runs of one call of harness kernels run");
            }
        }
        return new KernelTable
        {
            Kernels = [.. sorted.Select(run => new KernelColumn(run.Run.Guest!.Kernel.Release, run.Run.Guest.Kernel.Version, run.Folder))],
            Cells = [.. sorted.SelectMany(run => run.Cells).DistinctBy(cell => cell.Cell).Order(CellOrder.Instance)
                .Select(cell => new KernelRow(cell.Cell, [.. sorted.Select(run => KernelFigure.Of(Records(run, cell.Cell)))]))],
            Behaviours = BehaviourRows([.. sorted.Select(Probe)]),
        };
    }

    private static CellRecord[] Records(RunData run, string cell) => [.. run.Cells.Where(record => record.Cell == cell)];

    private static IReadOnlyList<KernelBehaviourRow> BehaviourRows(ProbeDocument?[] probes)
    {
        var names = probes.SelectMany(probe => probe?.Behaviours ?? []).Select(behaviour => behaviour.Name).Distinct();
        KernelBehaviour? Of(ProbeDocument? probe, string name) => probe?.Behaviours?.FirstOrDefault(behaviour => behaviour.Name == name);
        return [.. names.Select(name => new KernelBehaviourRow(name, [.. probes.Select(probe => Of(probe, name))]))];
    }

    private static ProbeDocument? Probe(RunData run)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(Path.Combine(run.Folder, KernelResults.ProbeFile)), ResultsJson.Document.ProbeDocument);
        }
        catch (Exception e) when (e is JsonException || FileTrouble.Is(e))
        {
            return null;
        }
    }
}

/// <summary>A kernel of the table.</summary>
/// <param name="Release">As <c>uname -r</c> prints it.</param>
/// <param name="Version">Its package's version; null of one that was given by its path.</param>
/// <param name="Folder">Its run.</param>
internal sealed record KernelColumn(string Release, string? Version, string Folder);

/// <summary>A cell on every kernel.</summary>
/// <param name="Cell">The cell's id.</param>
/// <param name="Figures">In the order of the kernels.</param>
internal sealed record KernelRow(string Cell, IReadOnlyList<KernelFigure> Figures);

/// <summary>A cell on one kernel: medians over its boots.</summary>
internal sealed record KernelFigure
{
    /// <summary>Boots that measured it.</summary>
    public required int Boots { get; init; }

    public double? InstructionsPerOp { get; init; }
    public double? ServerInstructionsPerOp { get; init; }
    public double? ClientInstructionsPerOp { get; init; }

    /// <summary>Of <see cref="InstructionsPerOp"/>, those in user mode; null where the emulator did not tell them apart.</summary>
    public double? UserInstructionsPerOp { get; init; }

    /// <summary>Of <see cref="InstructionsPerOp"/>, those in the kernel.</summary>
    public double? KernelInstructionsPerOp { get; init; }

    /// <summary>System calls of both sides.</summary>
    public double? SyscallsPerOp { get; init; }

    /// <summary>The largest of the boots over the smallest, less one, in percent.</summary>
    public double? SpreadPercent { get; init; }

    /// <summary>Why there is no figure; null where there is one.</summary>
    public string? Reason { get; init; }

    public static KernelFigure Of(IReadOnlyList<CellRecord> records)
    {
        LoadResult[] loads = [.. records.Where(record => record.Status == CellStatus.Ok).Select(record => record.Load).OfType<LoadResult>()];
        double[] all = [.. loads.Select(load => load.InstructionsPerOp).OfType<double>()];
        if (all.Length == 0)
        {
            string reason = records.Count == 0 ? "not measured" : $"{records[0].Status.ToString().ToLowerInvariant()}: {records[0].Reason}";
            return new KernelFigure { Boots = 0, Reason = reason };
        }
        return new KernelFigure
        {
            Boots = all.Length,
            InstructionsPerOp = all.Median(),
            ServerInstructionsPerOp = Median(loads.Select(load => load.Server?.InstructionsPerOp)),
            ClientInstructionsPerOp = Median(loads.Select(load => load.Client.InstructionsPerOp)),
            UserInstructionsPerOp = Median(loads.Select(load => load.UserInstructionsPerOp)),
            KernelInstructionsPerOp = Median(loads.Select(load => load.KernelInstructionsPerOp)),
            SyscallsPerOp = Median(loads.Select(load => (load.Server?.SyscallsPerOp ?? 0) + load.Client.SyscallsPerOp)),
            SpreadPercent = 100 * ((all.Max() / all.Min()) - 1),
        };
    }

    private static double? Median(IEnumerable<double?> values) => values.OfType<double>().ToArray() is { Length: > 0 } some ? some.Median() : null;
}

/// <summary>An experiment on every kernel.</summary>
/// <param name="Name">What is tried.</param>
/// <param name="Seen">What each kernel did, in the order of the kernels; null where it was not tried.</param>
internal sealed record KernelBehaviourRow(string Name, IReadOnlyList<KernelBehaviour?> Seen);
