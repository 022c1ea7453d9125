using System.Collections.Concurrent;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Results;
using Harness.Run;

namespace Harness.Kernels;

/// <summary>One <c>harness kernels run</c>: a matrix on several kernels, each booted several times, a few guests side by side.</summary>
internal sealed record KernelRunSession
{
    public required MatrixDefinition Matrix { get; init; }
    public required string? Filter { get; init; }
    public required IReadOnlyList<CachedKernel> Kernels { get; init; }
    public required string ResultsRoot { get; init; }
    public required string CommandLine { get; init; }
    public required Qemu Qemu { get; init; }
    public required GuestImage Image { get; init; }
    public required bool ReadyToRun { get; init; }

    /// <summary>Guests at a time; each keeps a CPU busy.</summary>
    public required int Guests { get; init; }

    /// <summary>How long a guest may say nothing before it counts as hanging.</summary>
    public required TimeSpan Silence { get; init; }

    /// <summary>Where progress goes.</summary>
    public TextWriter Messages { get; init; } = Console.Error;

    /// <summary>Runs all of it. A kernel that does not come up, and a guest that hangs, cost their own cells and no others.</summary>
    /// <param name="stop">Ends it; what is complete is kept.</param>
    /// <returns>How it came out, and the folders, one for each kernel that said what it is.</returns>
    public (RunOutcome Outcome, IReadOnlyList<string> Folders) Run(CancellationToken stop)
    {
        IReadOnlyList<Cell> cells = CellFilter.Select(Matrix.Cells(), Filter);
        Cell[] runnable = [.. cells.Where(cell => GuestPlan.Refusal(cell) is null)];
        var progress = RunProgress.Of(Messages, Math.Max(1, runnable.Length * Matrix.Rounds * Kernels.Count));
        KernelResults[] results = [.. Kernels.Select(kernel => new KernelResults(this, kernel, cells))];
        foreach (Cell cell in cells.Except(runnable))
        {
            progress.Say($"skipped {cell.Id}: {GuestPlan.Refusal(cell)}");
        }
        var boots = new ConcurrentQueue<PlannedBoot>(results.SelectMany(kernel => Boots(kernel, runnable)));
        var counts = new KernelRunCounts(progress, Guests);
        bool interrupted = false;
        try
        {
            Task[] workers = [.. Enumerable.Range(0, Guests).Select(_ => Task.Run(() => WorkAsync(boots, counts, stop), CancellationToken.None))];
            Task.WaitAll(workers, CancellationToken.None);
        }
        catch (AggregateException e) when (stop.IsCancellationRequested && e.Flatten().InnerExceptions.All(inner => inner is OperationCanceledException))
        {
            interrupted = true;
        }
        catch (AggregateException e) when (e.Flatten().InnerExceptions.OfType<HarnessException>().FirstOrDefault() is { } known)
        {
            throw known;
        }
        finally
        {
            progress.Erase();
            Array.ForEach(results, kernel => Finish(kernel, interrupted || stop.IsCancellationRequested, counts));
        }
        return (new RunOutcome(counts.Ok, counts.Failed, interrupted), [.. results.Select(kernel => kernel.Folder).OfType<string>()]);
    }

    private static void Finish(KernelResults kernel, bool interrupted, KernelRunCounts counts)
    {
        try
        {
            kernel.Finish(interrupted);
        }
        catch (HarnessException e)
        {
            counts.Lost($"{kernel.Kernel.Facts.Release}: {e.Message}");
        }
    }

    // A boot for each round and state of the mitigations. The first one also asks the kernel what it is.
    private IEnumerable<PlannedBoot> Boots(KernelResults kernel, IReadOnlyList<Cell> cells) =>
        from round in Enumerable.Range(1, Matrix.Rounds)
        from booted in cells.GroupBy(cell => cell["mitigations"]).Select((cells, index) => (Cells: cells, Index: index))
        let order = Interleave.Round([.. booted.Cells], Matrix.Seed, round)
        select new PlannedBoot(kernel, round, booted.Cells.Key, new GuestPlan(order, Matrix.Ops!.Value, Matrix.Seed, Facts: round == 1 && booted.Index == 0));

    private async Task WorkAsync(ConcurrentQueue<PlannedBoot> boots, KernelRunCounts counts, CancellationToken stop)
    {
        var guest = new GuestBoot(Qemu, Image, Silence);
        while (boots.TryDequeue(out PlannedBoot? boot))
        {
            stop.ThrowIfCancellationRequested();
            var watch = new BootWatch(boot, counts);
            string? trouble = boot.Kernel.Broken is { } broken
                ? $"an earlier boot of this kernel did not come up: {broken}"
                : await guest.RunAsync(boot.Kernel.Kernel, boot.Plan, boot.Mitigations, SeedOf(boot), watch.Hear, stop);
            watch.End(trouble);
        }
    }

    // It makes a boot what it is: the same rounds have the same on every kernel and in every run.
    private int SeedOf(PlannedBoot boot) => (int)((Matrix.Seed * 1000) % int.MaxValue / 2) + boot.Round;
}

/// <summary>A boot that is to be made.</summary>
internal sealed record PlannedBoot(KernelResults Kernel, int Round, string Mitigations, GuestPlan Plan)
{
    /// <summary>What it is called in a line about it.</summary>
    public string Name => $"{Kernel.Kernel.Facts.Release} boot {Round}{(Mitigations == "auto" ? "" : $", mitigations {Mitigations}")}";
}
