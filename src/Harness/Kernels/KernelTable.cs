using Harness.Compare;
using Harness.Kernels.Archive;
using Harness.Report;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>Runs of one matrix on several kernels, side by side: what <c>harness kernels compare --json</c> prints.</summary>
internal sealed record KernelTable
{
    /// <summary>Beside every number.</summary>
    public const string NotCycles = "Instructions are not cycles: cache misses, interrupts between CPUs and sleeping cost nothing here.";

    /// <summary>The matrix that all of them ran.</summary>
    public required string Matrix { get; init; }

    /// <summary><see cref="GuestFacts.Counted"/> or <see cref="GuestFacts.Timed"/>, which never stand in one table.</summary>
    public required string Mode { get; init; }

    /// <summary>The emulator's version, and the emulated machine.</summary>
    public required string Qemu { get; init; }

    /// <inheritdoc cref="Qemu"/>
    public required string Machine { get; init; }

    /// <summary>The kernels, oldest first.</summary>
    public required IReadOnlyList<KernelColumn> Kernels { get; init; }

    /// <summary>The name of the kernel that ratios are given against.</summary>
    public required string Base { get; init; }

    public required IReadOnlyList<KernelRow> Cells { get; init; }

    /// <summary>The cells as small charts.</summary>
    public required IReadOnlyList<KernelPlace> Places { get; init; }

    /// <summary>Where the cost of a cell takes a step; empty for times, which <c>harness compare --factor kernel</c> judges over rounds.</summary>
    public required IReadOnlyList<KernelChange> Changes { get; init; }

    /// <summary>What each kernel has and how its io_uring behaves.</summary>
    public required KernelSemantics Semantics { get; init; }

    /// <summary>What was left out and why, and what beside the kernel may have moved, one line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    internal bool IsCounted => Mode == GuestFacts.Counted;

    /// <summary>Where the base stands among the kernels.</summary>
    internal int BaseAt => Kernels.ToList().FindIndex(kernel => kernel.Name == Base);

    /// <param name="runs">A run for each kernel.</param>
    /// <param name="baseWord">A release or its beginning; null is the oldest.</param>
    /// <exception cref="HarnessException">The runs cannot stand beside each other.</exception>
    public static KernelTable Of(IReadOnlyList<RunData> runs, string? baseWord = null)
    {
        CheckModes(runs);
        RunData[] sorted = [.. runs.OrderBy(run => run.Run.Guest!.Kernel.Release, DebianVersion.Order).ThenBy(run => run.Run.Started)];
        foreach (RunData run in sorted.Skip(1))
        {
            if (Difference(sorted[0], run) is { } difference)
            {
                throw new HarnessException(ExitCode.Usage, $"more than the kernel differs: {difference} ('{sorted[0].Folder}' and '{run.Folder}'); compare runs of one call of harness kernels run");
            }
        }
        GuestFacts guest = sorted[0].Run.Guest!;
        bool counted = guest.Mode == GuestFacts.Counted;
        IReadOnlyList<KernelColumn> kernels = KernelColumn.Named([.. sorted.Select(Column)]);
        KernelRow[] rows =
        [
            .. sorted.SelectMany(run => run.Cells).DistinctBy(cell => cell.Cell).Order(CellOrder.Instance)
                .Select(cell => new KernelRow(cell.Cell, cell.Axes, [.. sorted.Select(run => KernelFigure.Of(Records(run, cell.Cell), counted))])),
        ];
        return new KernelTable
        {
            Matrix = sorted[0].Run.Matrix,
            Mode = guest.Mode,
            Qemu = guest.Qemu,
            Machine = guest.Machine,
            Kernels = kernels,
            Base = kernels[baseWord is null ? 0 : BaseOf(kernels, baseWord)].Name,
            Cells = rows,
            Places = KernelPlace.Of(rows),
            Changes = counted ? [.. rows.SelectMany(row => KernelChange.Of(kernels, sorted, row))] : [],
            Semantics = KernelSemantics.Of(kernels, [.. sorted.Select(run => KernelSemantics.ProbeIn(run.Folder))]),
            Notes = [.. SeveralPrograms(kernels, sorted)],
        };
    }

    /// <summary>Why two runs cannot stand in one table; null where they can.</summary>
    public static FactDifference? Difference(RunData one, RunData other) =>
        Fingerprint.Differences(Fingerprint.Of(one.Run), Fingerprint.Of(other.Run), Fingerprint.KernelFactor).FirstOrDefault();

    // A history grows over months, and its program with it; so that is no reason to refuse, but nothing to keep silent about.
    private static IEnumerable<string> SeveralPrograms(IReadOnlyList<KernelColumn> kernels, IReadOnlyList<RunData> runs)
    {
        string[] images = [.. kernels.Zip(runs, (kernel, run) => (kernel.Name, run.Run.Guest!.Image))
            .GroupBy(kernel => kernel.Image, (image, all) => $"{image} on {string.Join(", ", all.Select(kernel => kernel.Name))}")];
        if (images.Length > 1)
        {
            yield return $"not only the kernel moves: the guests' programs differ too ({string.Join("; ", images)}); one call of harness kernels run has one program";
        }
    }

    private static void CheckModes(IReadOnlyList<RunData> runs)
    {
        if (runs.FirstOrDefault(run => run.Run.Guest is null) is { } other)
        {
            throw new HarnessException(ExitCode.Usage, $"'{other.Folder}' was not measured in a guest; give folders that harness kernels run wrote, like results/guest-<kernel>/<date>-<matrix>-<commit>");
        }
        if (runs.FirstOrDefault(run => run.Run.Guest!.Mode != runs[0].Run.Guest!.Mode) is { } mixed)
        {
            string line = $"'{runs[0].Folder}' is {runs[0].Run.Guest!.Mode} and '{mixed.Folder}' is {mixed.Run.Guest!.Mode}: instructions and times never stand in one table; "
                + "give runs of one mode";
            throw new HarnessException(ExitCode.Usage, line);
        }
    }

    private static int BaseOf(IReadOnlyList<KernelColumn> kernels, string word) => KernelColumn.Find(kernels, word)
        ?? throw new HarnessException(ExitCode.Usage, $"--base {word}: no such kernel is among {string.Join(", ", kernels.Select(kernel => kernel.Release))}");

    private static KernelColumn Column(RunData run) =>
        new(run.Run.Guest!.Kernel.Release, "", run.Run.Guest.Kernel.Version, run.Folder, run.Run.Started);

    private static CellRecord[] Records(RunData run, string cell) => [.. run.Cells.Where(record => record.Cell == cell)];
}

/// <summary>A cell on every kernel.</summary>
/// <param name="Cell">The cell's id.</param>
/// <param name="Axes">The value of every axis by name.</param>
/// <param name="Figures">In the order of the kernels.</param>
internal sealed record KernelRow(string Cell, IReadOnlyDictionary<string, string> Axes, IReadOnlyList<KernelFigure> Figures);
