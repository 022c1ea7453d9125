using Harness.Results;

namespace Harness.Kernels;

/// <summary>The history over versions: of each kernel in a folder of results its newest run, as far as they can stand beside each other.</summary>
internal static class KernelRuns
{
    /// <param name="root">The folder of results.</param>
    /// <param name="matrix">The matrix whose runs are meant; null is that of the newest run.</param>
    /// <returns>The runs, and a line for each kernel that was left out.</returns>
    /// <exception cref="HarnessException">There is none.</exception>
    public static (IReadOnlyList<RunData> Runs, IReadOnlyList<string> Notes) Newest(string root, string? matrix)
    {
        // Their names begin with the time at which they began, so the newest comes first.
        RunData[][] kernels = Directory.Exists(root)
            ? [.. Directory.GetDirectories(root, "guest-*").Order(StringComparer.Ordinal)
                .Select(kernel => Runs(kernel).Where(run => matrix is null || run.Run.Matrix == matrix).ToArray())
                .Where(runs => runs.Length > 0)]
            : [];
        if (kernels.Length == 0)
        {
            string of = matrix is null ? "" : $" of the matrix '{matrix}'";
            throw new HarnessException(ExitCode.Usage, $"there is no finished run{of} in guests in '{root}'; harness kernels run makes some, or give their folders");
        }
        RunData newest = kernels.Select(runs => runs[0]).MaxBy(run => run.Run.Started)!;
        var chosen = new List<RunData>();
        var notes = new List<string>();
        foreach (RunData[] runs in kernels)
        {
            if (runs.FirstOrDefault(run => run.Run.Matrix == newest.Run.Matrix && KernelTable.Difference(newest, run) is null) is { } fits)
            {
                chosen.Add(fits);
            }
            else
            {
                RunData? other = runs.FirstOrDefault(run => run.Run.Matrix == newest.Run.Matrix);
                string why = other is null ? $"it ran {runs[0].Run.Matrix} only" : $"{KernelTable.Difference(newest, other)}";
                notes.Add($"left out: {runs[0].Run.Machine}: {why}; BASE is {newest.Folder}");
            }
        }
        return (chosen, notes);
    }

    // One that goes on, or was killed, is not the last word on its kernel; one that cannot be read is no word at all.
    private static IEnumerable<RunData> Runs(string kernel)
    {
        foreach (string folder in Directory.GetDirectories(kernel).OrderDescending(StringComparer.Ordinal))
        {
            RunData? run = null;
            try
            {
                run = File.Exists(Path.Combine(folder, RunReader.RunFile)) ? RunReader.Read(folder) : null;
            }
            catch (HarnessException)
            {
                continue;
            }
            if (run is { Run: { Guest: not null, Status: not RunStatus.Running } })
            {
                yield return run;
            }
        }
    }
}
