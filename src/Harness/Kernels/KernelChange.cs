using Harness.Compare;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>
/// A step in what a cell costs from one kernel to the next that measured it. It is one where <c>harness compare --factor kernel</c> would say better or worse:
/// every boot of the one lies on the same side of every boot of the other, and the medians are further apart than what other random numbers do
/// (<see cref="FigureCatalog"/>: 0.2 % with one connection, 0.3 % with several).
/// </summary>
internal sealed record KernelChange
{
    private const string FigureName = "instructions_per_op";

    public required string Cell { get; init; }

    /// <summary>Names of kernels: the last one on the old level and the first on the new one.</summary>
    public required string Last { get; init; }

    /// <inheritdoc cref="Last"/>
    public required string First { get; init; }

    /// <summary>Instructions per operation, medians over the boots.</summary>
    public required double Before { get; init; }

    /// <inheritdoc cref="Before"/>
    public required double After { get; init; }

    /// <summary>After over before, less one, in percent.</summary>
    public required double Percent { get; init; }

    /// <summary>
    /// What of it runs on behalf of each process, in instructions per operation, and what it makes more of system calls; null where nobody knows.
    /// </summary>
    public double? ServerAdded { get; init; }

    /// <inheritdoc cref="ServerAdded"/>
    public double? ClientAdded { get; init; }

    /// <inheritdoc cref="ServerAdded"/>
    public double? SyscallsAdded { get; init; }

    /// <summary>What of it was added in user mode and in the kernel; null where the emulator did not tell them apart.</summary>
    public double? UserAdded { get; init; }

    /// <inheritdoc cref="UserAdded"/>
    public double? KernelAdded { get; init; }

    /// <param name="kernels">The columns of the table.</param>
    /// <param name="runs">Their runs, in the same order.</param>
    /// <param name="row">The cell.</param>
    public static IEnumerable<KernelChange> Of(IReadOnlyList<KernelColumn> kernels, IReadOnlyList<RunData> runs, KernelRow row)
    {
        LoadResult[][] loads = [.. runs.Select(run => Loads(run, row.Cell))];
        int[] measured = [.. Enumerable.Range(0, runs.Count).Where(at => loads[at].Length > 0)];
        foreach (var (was, now) in measured.Zip(measured.Skip(1)))
        {
            Figure figure = FigureCatalog.Of(row.Axes, [.. loads[was], .. loads[now]]).First(figure => figure.Name == FigureName);
            if (InvariantJudge.Judge(figure, loads[was], loads[now]).Verdict is Verdict.Better or Verdict.Worse)
            {
                yield return Between(row, (kernels[was], row.Figures[was]), (kernels[now], row.Figures[now]));
            }
        }
    }

    private static KernelChange Between(KernelRow row, (KernelColumn Kernel, KernelFigure Figure) was, (KernelColumn Kernel, KernelFigure Figure) now)
    {
        (double before, double after) = (was.Figure.InstructionsPerOp!.Value, now.Figure.InstructionsPerOp!.Value);
        return new KernelChange
        {
            Cell = row.Cell,
            Last = was.Kernel.Name,
            First = now.Kernel.Name,
            Before = before,
            After = after,
            Percent = 100 * ((after / before) - 1),
            ServerAdded = now.Figure.ServerInstructionsPerOp - was.Figure.ServerInstructionsPerOp,
            ClientAdded = now.Figure.ClientInstructionsPerOp - was.Figure.ClientInstructionsPerOp,
            UserAdded = now.Figure.UserInstructionsPerOp - was.Figure.UserInstructionsPerOp,
            KernelAdded = now.Figure.KernelInstructionsPerOp - was.Figure.KernelInstructionsPerOp,
            SyscallsAdded = now.Figure.SyscallsPerOp - was.Figure.SyscallsPerOp,
        };
    }

    private static LoadResult[] Loads(RunData run, string cell) =>
    [
        .. from record in run.Cells
        where record.Cell == cell && record is { Status: CellStatus.Ok, Load.InstructionsPerOp: not null }
        select record.Load!,
    ];
}
