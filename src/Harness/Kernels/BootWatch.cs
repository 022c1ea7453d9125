using System.Diagnostics;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Results;
using Harness.Run;

namespace Harness.Kernels;

/// <summary>Takes down what a guest says while it boots and measures, cell by cell.</summary>
/// <param name="boot">Which boot it is.</param>
/// <param name="counts">Counts over all boots.</param>
internal sealed class BootWatch(PlannedBoot boot, KernelRunCounts counts)
{
    private readonly HashSet<int> _done = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private DateTimeOffset _began = DateTimeOffset.UtcNow;
    private int? _in;
    private bool _spoke;

    /// <summary>Something that the guest says.</summary>
    public void Hear(GuestSays said)
    {
        _spoke = true;
        switch (said)
        {
            case GuestSays.Facts facts:
                if (Lost(() => boot.Kernel.Began(facts.Probe)) is { } lost)
                {
                    counts.Say($"{boot.Name}: {lost}");
                }
                break;
            case GuestSays.Trouble trouble:
                counts.Say($"{boot.Name}: {trouble.Text}");
                break;
            case GuestSays.Begin begin when begin.Cell < boot.Plan.Cells.Count:
                (_in, _began) = (begin.Cell, DateTimeOffset.UtcNow);
                _clock.Restart();
                counts.Begin(boot.Name, boot.Plan.Cells[begin.Cell].Id);
                break;
            case GuestSays.Measured measured when measured.Cell < boot.Plan.Cells.Count:
                var (load, spoiled) = GuestFigures.Of(measured.Load, measured.Window, boot.Kernel.Mode);
                Done(measured.Cell, spoiled is null ? CellStatus.Ok : CellStatus.Failed, spoiled, load);
                break;
            case GuestSays.NotMeasured not when not.Cell < boot.Plan.Cells.Count:
                Done(not.Cell, not.Status, not.Reason, null);
                break;
            default:
                break;
        }
    }

    /// <summary>The guest's end: whatever it did not come to has failed.</summary>
    /// <param name="trouble">Why it ended before its plan did; null where it went through.</param>
    public void End(string? trouble)
    {
        if (trouble is not null)
        {
            string where = _in is { } cell && !_done.Contains(cell) ? $" (in {boot.Plan.Cells[cell].Id})" : "";
            counts.Say($"{boot.Name}: {trouble}{where}");
            if (!_spoke)
            {
                boot.Kernel.Broken ??= trouble;
            }
        }
        for (int cell = 0; cell < boot.Plan.Cells.Count; cell++)
        {
            if (!_done.Contains(cell))
            {
                Done(cell, CellStatus.Failed, trouble ?? "the guest said nothing about it", null);
            }
        }
    }

    private void Done(int index, CellStatus status, string? reason, LoadResult? load)
    {
        Cell cell = boot.Plan.Cells[index];
        if (!_done.Add(index) || boot.Kernel.Has(cell.Id, boot.Round))
        {
            return;
        }
        string? lost = Lost(() => boot.Kernel.Append(new CellRecord
        {
            Cell = cell.Id,
            Round = boot.Round,
            Status = status,
            Reason = reason,
            Started = _began,
            Seconds = Math.Round(_clock.Elapsed.TotalSeconds, 3),
            Axes = cell.Values,
            Load = load,
        }));
        if (lost is not null)
        {
            (status, reason) = (CellStatus.Failed, lost);
        }
        counts.End(boot.Name, cell.Id, status, reason, _clock.Elapsed, load is null ? "" : GuestFigures.Summary(load));
    }

    // A disk that is full, or a folder that is gone, costs what is to be written now; other kernels and later cells are tried all the same.
    private static string? Lost(Action write)
    {
        try
        {
            write();
            return null;
        }
        catch (HarnessException e)
        {
            return e.Message;
        }
    }
}

/// <summary>Counts what came out, and shows it; called from several threads.</summary>
/// <param name="progress">Where it is shown.</param>
/// <param name="guests">Guests at a time.</param>
/// <param name="kept">What an earlier call measured, which counts too.</param>
internal sealed class KernelRunCounts(RunProgress progress, int guests, IReadOnlyList<CellRecord> kept)
{
    private static readonly TimeSpan s_cellGuess = TimeSpan.FromSeconds(12);

    private readonly Lock _lock = new();

    public int Ok { get; private set; } = kept.Count(record => record.Status == CellStatus.Ok);

    public int Failed { get; private set; } = kept.Count(record => record.Status == CellStatus.Failed);

    public void Say(string line)
    {
        lock (_lock)
        {
            progress.Say(line);
        }
    }

    /// <summary>A folder of results that could not be finished.</summary>
    public void Lost(string line)
    {
        lock (_lock)
        {
            Failed++;
            progress.Say(line);
        }
    }

    public void Begin(string boot, string cell)
    {
        lock (_lock)
        {
            progress.Begin(boot, cell, s_cellGuess / guests);
        }
    }

    public void End(string boot, string cell, CellStatus status, string? reason, TimeSpan spent, string figure)
    {
        lock (_lock)
        {
            Ok += status == CellStatus.Ok ? 1 : 0;
            Failed += status == CellStatus.Failed ? 1 : 0;
            string summary = status == CellStatus.Ok ? figure : $"{status.ToString().ToLowerInvariant()}: {reason}";
            progress.End(boot, cell, spent / guests, summary);
        }
    }
}
