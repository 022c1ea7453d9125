using Harness.Report;

namespace Harness.Kernels;

/// <summary>What kernels answered to <c>harness probe</c>, as it lies in a folder of results: by itself, or with a run.</summary>
internal static class KeptProbes
{
    /// <summary>Of each kernel the newest, oldest kernel first.</summary>
    /// <param name="root">The folder of results.</param>
    /// <exception cref="HarnessException">There is none.</exception>
    public static IReadOnlyList<ProbedKernel> Newest(string root)
    {
        ProbedKernel[] found = Directory.Exists(root)
            ? [.. Directory.GetDirectories(root, "guest-*").Select(NewestIn).OfType<ProbedKernel>()]
            : [];
        return found.Length > 0
            ? [.. KernelColumn.Sorted(found, kernel => kernel.Release)]
            : throw new HarnessException(ExitCode.Usage, $"no kernel's answers are in '{root}'; harness kernels probe asks for them");
    }

    // The names of folders begin with the time at which they began.
    private static ProbedKernel? NewestIn(string machine) =>
    (
        from folder in Directory.GetDirectories(machine).OrderDescending(StringComparer.Ordinal)
        let probe = KernelSemantics.ProbeIn(folder)
        let release = probe?.Environment.KernelRelease
        where release is not null
        select new ProbedKernel(release!, null, probe!, folder, null)
    ).FirstOrDefault();
}
