using Harness.Matrix;
using Harness.Results;
using Harness.Run;

namespace Harness.Kernels;

/// <summary>
/// The run of a kernel that an earlier call of the same began, as <c>harness kernels run --resume</c> finds it. What has to be the same is what makes a boot:
/// the guests' image, in which the program is, the kernel, the emulator, the matrix and its seed. Then what is measured now is what would have been then.
/// </summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="Record">Its <c>run.json</c>.</param>
internal sealed record EarlierKernelRun(string Folder, RunRecord Record)
{
    /// <summary>The newest of a kernel; null where there is none.</summary>
    /// <param name="session">What is run now.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="cellCount">Cells of it.</param>
    /// <param name="why">Why the newest of the matrix is not it; null where there is none at all.</param>
    public static EarlierKernelRun? Find(KernelRunSession session, CachedKernel kernel, int cellCount, out string? why)
    {
        why = null;
        string machine = Path.Combine(session.ResultsRoot, KernelResults.MachineOf(kernel.Facts.Release));
        string[] folders = Directory.Exists(machine) ? [.. Directory.GetDirectories(machine).OrderDescending(StringComparer.Ordinal)] : [];
        foreach (string folder in folders.Where(folder => File.Exists(Path.Combine(folder, RunReader.RunFile))))
        {
            if (Try(folder) is not { Guest: not null } record || record.Matrix != session.Matrix.Name)
            {
                continue;
            }
            if (Difference(folder, record, session, kernel, cellCount) is not { } difference)
            {
                return new EarlierKernelRun(folder, record);
            }
            why ??= $"{KernelsPage.Short(folder)} is another run: {difference}";
        }
        return null;
    }

    /// <summary>What it has measured so far.</summary>
    public IReadOnlyList<CellRecord> Cells() => RunReader.Read(Folder).Cells;

    /// <inheritdoc cref="ResumedRun.Reopen"/>
    public ResultsFolder Reopen(MatrixDefinition matrix, out IReadOnlyList<CellRecord> done) => new ResumedRun(Folder, Record, matrix).Reopen(out done);

    private static RunRecord? Try(string folder)
    {
        try
        {
            return RunReader.Read(folder).Run;
        }
        catch (HarnessException)
        {
            // A folder that cannot be read is nothing to go on with.
            return null;
        }
    }

    private static string? Difference(string folder, RunRecord was, KernelRunSession now, CachedKernel kernel, int cellCount)
    {
        GuestFacts guest = was.Guest!;
        (string What, object? Was, object? Now)[] facts =
        [
            ("mode", guest.Mode, now.Qemu.Mode),
            ("kernel's hash", guest.Kernel.Sha256, kernel.Facts.Sha256),
            ("guests' image", guest.Image, now.Image.Hash),
            ("emulator", guest.Qemu, now.Qemu.Version),
            ("emulated machine", guest.Machine, string.Join(' ', now.Qemu.MachineOfMode)),
            ("--filter", was.Filter, now.Filter),
            ("number of cells", was.CellCount, cellCount),
            ("number of boots", was.Rounds, now.Matrix.Rounds),
            ("number of operations", guest.Ops, now.IsTimed ? null : now.Matrix.Ops),
            ("seed", was.Seed, now.Matrix.Seed),
            ("seeded regression", was.SeededRegression, now.SeededRegression),
        ];
        foreach (var (what, before, here) in facts)
        {
            if (!Equals(before, here))
            {
                return FormattableString.Invariant($"its {what} was '{before ?? "none"}' and is '{here ?? "none"}'");
            }
        }
        string matrix = Path.Combine(folder, ResultsFolder.MatrixFile);
        return File.Exists(matrix) && File.ReadAllText(matrix) == now.Matrix.Text ? null : "its matrix was another one";
    }
}
