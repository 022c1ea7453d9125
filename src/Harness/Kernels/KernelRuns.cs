using Harness.Results;

namespace Harness.Kernels;

/// <summary>The history over versions: of each kernel in a folder of results its newest run, as far as they can stand beside each other.</summary>
internal static class KernelRuns
{
    /// <summary>
    /// The matrix of the runs that <c>harness kernels bisect</c> leaves. They have one cell each, and another call hunts for another one, so that they are
    /// looked at only where they are asked for.
    /// </summary>
    public const string Bisected = "bisect";

    /// <param name="root">The folder of results.</param>
    /// <param name="matrix">The matrix whose runs are meant; null is that of the newest run which no bisection left.</param>
    /// <returns>The runs, and a line for each kernel that was left out.</returns>
    /// <exception cref="HarnessException">There is none.</exception>
    public static (IReadOnlyList<RunData> Runs, IReadOnlyList<string> Notes) Newest(string root, string? matrix)
    {
        // Their names begin with the time at which they began, so the newest comes first.
        RunData[][] kernels = Directory.Exists(root)
            ? [.. Directory.GetDirectories(root, "guest-*").Order(StringComparer.Ordinal).Select(kernel => Runs(kernel).ToArray())]
            : [];
        RunData[] all = [.. kernels.SelectMany(runs => runs)];
        string? meant = matrix ?? (NewestOf(all.Where(run => run.Run.Matrix != Bisected)) ?? NewestOf(all))?.Run.Matrix;
        RunData[] candidates = [.. all.Where(run => run.Run.Matrix == meant)];
        if (candidates.Length == 0)
        {
            string of = matrix is null ? "" : $" of the matrix '{matrix}'";
            throw new HarnessException(ExitCode.Usage, $"there is no finished run{of} in guests in '{root}'; harness kernels run makes some, or give their folders");
        }
        // A look at a few cells, or a run that was cut short, is not what others are measured by as long as there is a whole one.
        RunData first = NewestOf(candidates.Where(IsWhole)) ?? NewestOf(candidates)!;
        var chosen = new List<RunData> { first };
        var notes = new List<string>(PassedOver(candidates, first));
        foreach (RunData[] runs in kernels.Where(runs => !runs.Contains(first)))
        {
            RunData[] own = [.. runs.Where(run => run.Run.Matrix == meant).OrderByDescending(IsWhole)];
            if (own.FirstOrDefault(run => WhyNot(chosen, run) is null) is { } fits)
            {
                chosen.Add(fits);
            }
            else if (own.Length > 0)
            {
                notes.Add($"left out: {own[0].Run.Machine}: {WhyNot(chosen, own[0])}");
            }
            else if (matrix is null && runs.Length > 0)
            {
                notes.Add($"left out: {runs[0].Run.Machine}: it ran {runs[0].Run.Matrix} only; BASE is {KernelsPage.Short(first.Folder)}");
            }
        }
        return (chosen, notes);
    }

    private static RunData? NewestOf(IEnumerable<RunData> runs) => runs.MaxBy(run => run.Run.Started);

    private static bool IsWhole(RunData run) => run.Run is { Filter: null, Status: RunStatus.Complete };

    private static IEnumerable<string> PassedOver(IEnumerable<RunData> candidates, RunData first)
    {
        if (NewestOf(candidates) is { } newest && newest != first)
        {
            string why = newest.Run.Filter is { } filter ? $"only has the cells of --filter '{filter}'" : "was cut short";
            yield return $"passed over: {KernelsPage.Short(newest.Folder)} is newer and {why}; give folders to look at it";
        }
    }

    // Each must fit to all of the others: what the first does not know of itself two others may know differently.
    private static string? WhyNot(IReadOnlyList<RunData> chosen, RunData run)
    {
        if (run.Run.Filter != chosen[0].Run.Filter)
        {
            string has = run.Run.Filter is { } filter ? $"it only has the cells of --filter '{filter}'" : "it has all cells, and BASE those of a --filter";
            return $"{has}; BASE is {KernelsPage.Short(chosen[0].Folder)}";
        }
        return (
            from other in chosen
            let difference = KernelTable.Difference(other, run)
            where difference is not null
            select $"{difference}; BASE is {KernelsPage.Short(other.Folder)}").FirstOrDefault();
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
