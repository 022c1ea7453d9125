using System.Diagnostics;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>Takes down what a guest says while it boots and measures, cell by cell.</summary>
/// <param name="boot">Which boot it is.</param>
/// <param name="counts">Counts over all boots.</param>
internal sealed class BootWatch(PlannedBoot boot, GuestCounts counts)
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
        string summary = status == CellStatus.Ok ? GuestFigures.Summary(load!) : $"{status.ToString().ToLowerInvariant()}: {reason}";
        counts.End(boot.Name, cell.Id, status, summary, _clock.Elapsed);
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
