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

    /// <summary>Tells instructions in user mode from those in the kernel; null where there is none, and the figures then are null.</summary>
    public InstructionPlugin? Plugin { get; init; }

    /// <summary>The regression that the guests' servers have on purpose; null where none.</summary>
    public string? SeededRegression { get; init; }

    /// <summary>Told of a kernel that does not come up, and why.</summary>
    public Action<CachedKernel, string>? OnBroken { get; init; }

    /// <summary>Whether to go on with the runs that an earlier call of the same began.</summary>
    public bool Resume { get; init; }

    /// <summary>Guests at a time; each keeps a CPU busy.</summary>
    public required int Guests { get; init; }

    /// <summary>How long a guest may say nothing before it counts as hanging.</summary>
    public required TimeSpan Silence { get; init; }

    /// <summary>Whether guests measure time and do not count.</summary>
    public bool IsTimed => Qemu.Mode == GuestFacts.Timed;

    /// <summary>Where progress goes.</summary>
    public TextWriter Messages { get; init; } = Console.Error;

    /// <summary>Runs all of it. A kernel that does not come up, and a guest that hangs, cost their own cells and no others.</summary>
    /// <param name="stop">Ends it; what is complete is kept.</param>
    /// <returns>How it came out, and the folders, one for each kernel that said what it is.</returns>
    public (RunOutcome Outcome, IReadOnlyList<string> Folders) Run(CancellationToken stop)
    {
        IReadOnlyList<Cell> cells = CellFilter.Select(Matrix.Cells(), Filter);
        Cell[] runnable = [.. cells.Where(cell => GuestPlan.Refusal(cell, IsTimed) is null)];
        KernelResults[] results = [.. Kernels.Select(kernel => new KernelResults(this, kernel, cells))];
        IReadOnlyList<CellRecord> kept = Resume ? GoOn(results) : [];
        var progress = RunProgress.Of(Messages, Math.Max(1, (runnable.Length * Matrix.Rounds * Kernels.Count) - kept.Count));
        foreach (Cell cell in cells.Except(runnable))
        {
            progress.Say($"skipped {cell.Id}: {GuestPlan.Refusal(cell, IsTimed)}");
        }
        var boots = new ConcurrentQueue<PlannedBoot>(results.SelectMany(kernel => Boots(kernel, runnable)));
        var counts = new GuestCounts(progress, Guests, kept);
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
            Array.ForEach(results, kernel => Finish(kernel, counts));
            foreach (KernelResults kernel in results.Where(kernel => kernel.Broken is not null))
            {
                OnBroken?.Invoke(kernel.Kernel, kernel.Broken!);
            }
        }
        return (new RunOutcome(counts.Ok, counts.Failed, interrupted), [.. results.Select(kernel => kernel.Folder).OfType<string>()]);
    }

    // The measurements of all kernels that are there. Where one cannot be gone on with, none is, and nothing has been booted.
    private CellRecord[] GoOn(KernelResults[] results)
    {
        var kept = new List<CellRecord>();
        var lines = new List<string>();
        int found = 0;
        try
        {
            foreach (KernelResults kernel in results)
            {
                IReadOnlyList<CellRecord>? there = kernel.GoOn(out string line);
                found += there is null ? 0 : 1;
                kept.AddRange(there?.Where(cell => cell.Round > 0) ?? []);
                lines.Add(line);
            }
            if (found == 0)
            {
                throw new HarnessException(ExitCode.Usage, $"--resume finds nothing to go on with: {string.Join("; ", lines)}; leave it away, or give the same call as then");
            }
        }
        catch (HarnessException)
        {
            Array.ForEach(results, kernel => kernel.Finish());
            throw;
        }
        lines.ForEach(Messages.WriteLine);
        return [.. kept];
    }

    private static void Finish(KernelResults kernel, GuestCounts counts)
    {
        try
        {
            kernel.Finish();
        }
        catch (HarnessException e)
        {
            counts.Lost($"{kernel.Kernel.Facts.Release}: {e.Message}");
        }
    }

    // A boot for each round and state of the mitigations. The first one also asks the kernel what it is. Of a boot that was cut short all is measured again,
    // since what a cell costs depends a little on what ran before it; what was there already is the same, and stays.
    private IEnumerable<PlannedBoot> Boots(KernelResults kernel, IReadOnlyList<Cell> cells) =>
        from round in Enumerable.Range(1, Matrix.Rounds)
        from booted in cells.GroupBy(cell => cell["mitigations"]).Select((cells, index) => (Cells: cells, Index: index))
        let order = Interleave.Round([.. booted.Cells], Matrix.Seed, round)
        where !order.All(cell => kernel.Has(cell.Id, round))
        select new PlannedBoot(kernel, round, booted.Cells.Key, Plan(order, facts: round == 1 && booted.Index == 0));

    private GuestPlan Plan(IReadOnlyList<Cell> order, bool facts) => new(GuestPlan.ByServer(order), Matrix.Ops ?? 0, Matrix.Seed, facts)
    {
        Times = IsTimed ? new GuestTimes(Matrix.Duration, Matrix.Warmup) : null,
        SeededRegression = SeededRegression,
    };

    private async Task WorkAsync(ConcurrentQueue<PlannedBoot> boots, GuestCounts counts, CancellationToken stop)
    {
        var guest = new GuestBoot(Qemu, Image, Silence) { Plugin = Plugin };
        while (boots.TryDequeue(out PlannedBoot? boot))
        {
            stop.ThrowIfCancellationRequested();
            var watch = new BootWatch(boot, counts);
            string? trouble = boot.Kernel.Broken is { } broken
                ? $"an earlier boot of this kernel did not come up: {broken}"
                : await guest.RunAsync(boot.Kernel.Kernel, boot.Plan, boot.Mitigations, SeedOf(Matrix.Seed, boot.Round), watch.Hear, stop);
            watch.End(trouble);
        }
    }

    /// <summary>It makes a boot what it is: the same rounds have the same on every kernel and in every run.</summary>
    public static int SeedOf(ulong seed, int round) => (int)((seed * 1000) % int.MaxValue / 2) + round;
}

/// <summary>A boot that is to be made.</summary>
internal sealed record PlannedBoot(KernelResults Kernel, int Round, string Mitigations, GuestPlan Plan)
{
    /// <summary>What it is called in a line about it.</summary>
    public string Name => $"{Kernel.Kernel.Facts.Release} boot {Round}{(Mitigations == "auto" ? "" : $", mitigations {Mitigations}")}";
}
