using System.Collections.Concurrent;
using Harness.Kernels.Guest;
using Harness.Measure;
using Harness.Run;

namespace Harness.Kernels.NbdCases;

/// <summary>One <c>harness kernels nbd</c>: cases with the NBD clients of several kernels, a few guests side by side.</summary>
internal sealed record NbdCasesSession
{
    private const string ScriptName = "Kernels/nbd-cases.sh";

    public required IReadOnlyList<NbdCase> Cases { get; init; }
    public required IReadOnlyList<CachedKernel> Kernels { get; init; }
    public required string ResultsRoot { get; init; }
    public required Qemu Qemu { get; init; }
    public required GuestImage Image { get; init; }
    public required NbdTools Tools { get; init; }

    /// <summary>Guests at a time.</summary>
    public required int Guests { get; init; }

    /// <summary>How long a guest may say nothing before it counts as hanging.</summary>
    public required TimeSpan Silence { get; init; }

    /// <summary>Where progress goes.</summary>
    public TextWriter Messages { get; init; } = Console.Error;

    /// <summary>What guests do, as functions of a shell.</summary>
    public string Script { get; } = ScriptText();

    /// <summary>Runs all of it. A kernel that does not come up, and a case that hangs, cost themselves and no others.</summary>
    /// <param name="stop">Ends it; what is complete is kept.</param>
    public (RunOutcome Outcome, IReadOnlyList<NbdCasesRecord> Records, IReadOnlyList<string> Folders) Run(CancellationToken stop)
    {
        var progress = RunProgress.Of(Messages, Cases.Count * Kernels.Count);
        var counts = new GuestCounts(progress, Guests, kept: []);
        NbdCasesKernel[] all = [.. Kernels.Select(kernel => new NbdCasesKernel(this, kernel, counts))];
        var waiting = new ConcurrentQueue<NbdCasesKernel>(all);
        bool interrupted = false;
        try
        {
            Task[] workers = [.. Enumerable.Range(0, Guests).Select(_ => Task.Run(() => WorkAsync(waiting, stop), CancellationToken.None))];
            Task.WaitAll(workers, CancellationToken.None);
        }
        catch (AggregateException e) when (stop.IsCancellationRequested && e.Flatten().InnerExceptions.All(inner => inner is OperationCanceledException))
        {
            interrupted = true;
        }
        finally
        {
            progress.Erase();
        }
        return (
            new RunOutcome(counts.Ok, counts.Failed, interrupted),
            [.. all.Select(kernel => kernel.Record)],
            [.. all.Select(kernel => kernel.Folder).OfType<string>()]);
    }

    /// <summary>What is known of a kernel's results before its first boot.</summary>
    public NbdCasesRecord RecordOf(CachedKernel kernel) => new()
    {
        Kernel = kernel.Facts,
        Commit = Checkout.Commit(),
        Qemu = Qemu.Version,
        Image = Image.Hash,
        Tools = Tools.Versions,
        Started = DateTimeOffset.UtcNow,
        Boots = 0,
        Cases = [],
    };

    private static async Task WorkAsync(ConcurrentQueue<NbdCasesKernel> waiting, CancellationToken stop)
    {
        while (waiting.TryDequeue(out NbdCasesKernel? kernel))
        {
            stop.ThrowIfCancellationRequested();
            await kernel.RunAsync(stop);
        }
    }

    private static string ScriptText()
    {
        using Stream stream = typeof(NbdCasesSession).Assembly.GetManifestResourceStream(ScriptName)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
