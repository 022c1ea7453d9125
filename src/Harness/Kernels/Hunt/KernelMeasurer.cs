using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Results;
using Harness.Run;

namespace Harness.Kernels.Hunt;

/// <summary>
/// Measures one cell on one kernel after the other, and leaves a run of each as <c>harness kernels run</c> does; one that is there already is taken.
/// </summary>
internal sealed record KernelMeasurer
{
    /// <summary>With one cell.</summary>
    public required MatrixDefinition Matrix { get; init; }

    public required GuestTools Tools { get; init; }
    public required string ResultsRoot { get; init; }
    public required string CommandLine { get; init; }
    public required TimeSpan Silence { get; init; }
    public string? SeededRegression { get; init; }

    /// <summary>Brings a kernel that is not here.</summary>
    public required Func<KernelOffer, CachedKernel> Fetch { get; init; }

    public TextWriter Messages { get; init; } = Console.Error;

    /// <param name="candidate">Which.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public BisectMeasurement Measure(KernelCandidate candidate, CancellationToken stop)
    {
        if (Earlier(candidate) is { } earlier)
        {
            return earlier;
        }
        CachedKernel kernel;
        try
        {
            kernel = candidate.Here ?? Fetch(candidate.Offer!);
        }
        catch (HarnessException e)
        {
            return new BisectMeasurement(null, OneLine.Of(e.Message));
        }
        return Boot(kernel, stop);
    }

    private BisectMeasurement Boot(CachedKernel kernel, CancellationToken stop)
    {
        string? broken = null;
        var session = new KernelRunSession
        {
            Matrix = Matrix with { Name = KernelRuns.Bisected },
            Filter = Matrix.Cells()[0].Id,
            Kernels = [kernel],
            ResultsRoot = ResultsRoot,
            CommandLine = CommandLine,
            Qemu = Tools.Qemu,
            Image = Tools.Image,
            ReadyToRun = Tools.ReadyToRun,
            Plugin = Tools.Plugin,
            SeededRegression = SeededRegression,
            OnBroken = (_, why) => broken = why,
            Guests = 1,
            Silence = Silence,
            Messages = Messages,
        };
        var (_, folders) = session.Run(stop);
        stop.ThrowIfCancellationRequested();
        return folders is [var folder] ? Of(RunReader.Read(folder), fromResults: false) : new BisectMeasurement(null, broken ?? "it did not come up");
    }

    /// <summary>What an earlier call, or <c>harness kernels run</c>, measured of the very same: program, emulator, kernel, cell, operations and seed.</summary>
    private BisectMeasurement? Earlier(KernelCandidate candidate)
    {
        string machine = Path.Combine(ResultsRoot, KernelResults.MachineOf(candidate.Release));
        string[] folders = Directory.Exists(machine) ? Directory.GetDirectories(machine) : [];
        return folders.Where(folder => File.Exists(Path.Combine(folder, RunReader.RunFile)))
            .OrderDescending(StringComparer.Ordinal)
            .Select(folder => Try(folder))
            .OfType<RunData>()
            .Where(run => IsTheSame(run, candidate))
            .Select(run => Of(run, fromResults: true))
            .FirstOrDefault(measurement => measurement.Figure?.Boots >= Matrix.Rounds);
    }

    private bool IsTheSame(RunData run, KernelCandidate candidate) =>
        run.Run is { Guest: { Mode: GuestFacts.Counted } guest } record
        && guest.Image == Tools.Image.Hash && guest.Qemu == Tools.Qemu.Version && guest.Machine == string.Join(' ', Qemu.Machine)
        && guest.Ops == Matrix.Ops && record.Seed == Matrix.Seed && record.SeededRegression == SeededRegression
        && guest.Kernel.Release == candidate.Release
        && (candidate.Here is { } here ? guest.Kernel.Sha256 == here.Facts.Sha256 : guest.Kernel.Version == candidate.Version);

    // A folder that cannot be read is somebody else's trouble; the kernel is measured again.
    private static RunData? Try(string folder)
    {
        try
        {
            return RunReader.Read(folder);
        }
        catch (HarnessException)
        {
            return null;
        }
    }

    private BisectMeasurement Of(RunData run, bool fromResults)
    {
        string cell = Matrix.Cells()[0].Id;
        KernelFigure figure = KernelFigure.Of([.. run.Cells.Where(record => record.Cell == cell)], counted: true);
        return new BisectMeasurement(figure.InstructionsPerOp is null ? null : figure, figure.Reason, run.Folder, fromResults);
    }
}
