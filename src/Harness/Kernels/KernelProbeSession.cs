using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Harness.Io;
using Harness.Kernels.Guest;
using Harness.Measure;
using Harness.Report;
using Harness.Results;
using Harness.Run;

namespace Harness.Kernels;

/// <summary>One <c>harness kernels probe</c>: every kernel is booted once and asked what it can do and how it behaves.</summary>
internal sealed record KernelProbeSession
{
    private const string Name = "probe";
    private static readonly TimeSpan s_bootGuess = TimeSpan.FromSeconds(20);

    public required IReadOnlyList<CachedKernel> Kernels { get; init; }
    public required string ResultsRoot { get; init; }
    public required Qemu Qemu { get; init; }
    public required GuestImage Image { get; init; }

    /// <summary>Guests at a time; each keeps a CPU busy.</summary>
    public required int Guests { get; init; }

    /// <summary>How long a guest may say nothing before it counts as hanging.</summary>
    public required TimeSpan Silence { get; init; }

    /// <summary>Where progress goes.</summary>
    public TextWriter Messages { get; init; } = Console.Error;

    /// <summary>Probes all. A kernel that does not come up costs itself and no other.</summary>
    /// <param name="stop">Ends it; what has been probed is kept.</param>
    /// <returns>The kernels that answered, oldest first.</returns>
    public IReadOnlyList<ProbedKernel> Run(CancellationToken stop)
    {
        var progress = RunProgress.Of(Messages, Kernels.Count);
        var waiting = new ConcurrentQueue<CachedKernel>(Kernels);
        var probed = new ConcurrentBag<ProbedKernel>();
        try
        {
            Task[] workers = [.. Enumerable.Range(0, Guests).Select(_ => Task.Run(() => WorkAsync(waiting, probed, progress, stop), CancellationToken.None))];
            Task.WaitAll(workers, CancellationToken.None);
        }
        catch (AggregateException e) when (stop.IsCancellationRequested && e.Flatten().InnerExceptions.All(inner => inner is OperationCanceledException))
        {
            // What has been probed stands.
        }
        finally
        {
            progress.Erase();
        }
        return [.. KernelColumn.Sorted(probed, kernel => kernel.Release).ThenBy(kernel => kernel.Started)];
    }

    private async Task WorkAsync(ConcurrentQueue<CachedKernel> waiting, ConcurrentBag<ProbedKernel> probed, RunProgress progress, CancellationToken stop)
    {
        var guest = new GuestBoot(Qemu, Image, Silence);
        while (waiting.TryDequeue(out CachedKernel? kernel))
        {
            stop.ThrowIfCancellationRequested();
            Say(progress, () => progress.Begin(kernel.Facts.Release, Name, s_bootGuess / Guests));
            DateTimeOffset started = DateTimeOffset.UtcNow;
            long began = Stopwatch.GetTimestamp();
            ProbeDocument? probe = null;
            string? refused = null;
            string? trouble = await guest.RunAsync(kernel, new GuestPlan([], 0, 0, Facts: true), "auto", 1, said =>
            {
                probe ??= (said as GuestSays.Facts)?.Probe;
                refused ??= (said as GuestSays.Trouble)?.Text;
            }, stop);
            string? failed = probe is null ? trouble ?? refused ?? "the guest said nothing about its kernel" : null;
            if (probe is not null)
            {
                // A guest has no checkout to ask; the program in it is this one.
                probe = probe with { Commit = Checkout.Commit() };
                failed = Kept(kernel, probe, started, probed);
            }
            Say(progress, () =>
            {
                if (failed is not null)
                {
                    progress.Say($"{kernel.Facts.Release}: {failed}");
                }
                progress.End(kernel.Facts.Release, Name, Stopwatch.GetElapsedTime(began) / Guests, failed is null ? Summary(probe!) : "failed");
            });
        }
    }

    // A disk that is full costs what cannot be written, and the next kernel is asked all the same.
    private string? Kept(CachedKernel kernel, ProbeDocument probe, DateTimeOffset started, ConcurrentBag<ProbedKernel> probed)
    {
        try
        {
            probed.Add(new ProbedKernel(kernel.Facts.Release, kernel.Facts.Version, probe, Keep(kernel.Facts.Release, probe, started), started));
            return null;
        }
        catch (HarnessException e)
        {
            return e.Message;
        }
    }

    private static void Say(RunProgress progress, Action say)
    {
        lock (progress)
        {
            say();
        }
    }

    private static string Summary(ProbeDocument probe) => probe.Behaviours is { Count: > 0 } rows
        ? $"{rows.Count(row => row.Verdict == BehaviourVerdict.AsExpected)} experiments as on 6.18, {rows.Count(row => row.Verdict == BehaviourVerdict.Differs)} differ, "
            + $"{rows.Count(row => row.Verdict == BehaviourVerdict.Skipped)} skipped"
        : $"no io_uring: {probe.Environment.IoUring.Refusal}";

    // Whole or not at all, as every folder of results.
    private string Keep(string release, ProbeDocument probe, DateTimeOffset started)
    {
        string machine = Path.Combine(ResultsRoot, KernelResults.MachineOf(release));
        string name = string.Create(CultureInfo.InvariantCulture, $"{started.UtcDateTime:yyyy-MM-dd'T'HHmmss}-{Name}-{probe.Commit}");
        string unfinished = Path.Combine(machine, $".{name}.{Environment.ProcessId}");
        string folder = Path.Combine(machine, name);
        // Two builds of one release may begin in one second.
        for (int again = 2; Directory.Exists(folder); again++)
        {
            folder = Path.Combine(machine, string.Create(CultureInfo.InvariantCulture, $"{name}-{again}"));
        }
        try
        {
            Directory.CreateDirectory(unfinished);
            File.WriteAllText(Path.Combine(unfinished, KernelResults.ProbeFile), JsonSerializer.Serialize(probe, ResultsJson.Document.ProbeDocument) + "\n");
            Directory.Move(unfinished, folder);
            return folder;
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot create the results folder '{folder}': {FileTrouble.Reason(e, folder)}; choose another place with --results DIR", e);
        }
    }
}

/// <summary>A kernel that has said what it is.</summary>
/// <param name="Release">As <c>uname -r</c> prints it.</param>
/// <param name="Version">Its package's version; null where nobody knows.</param>
/// <param name="Probe">What it said.</param>
/// <param name="Folder">Where that lies.</param>
/// <param name="Started">When it was booted; null where nobody knows.</param>
internal sealed record ProbedKernel(string Release, string? Version, ProbeDocument Probe, string Folder, DateTimeOffset? Started);
