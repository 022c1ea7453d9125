using Harness.Results;
using Harness.Run;

namespace Harness.Kernels;

/// <summary>Counts what came out of the guests, and shows it; called from several threads.</summary>
/// <param name="progress">Where it is shown.</param>
/// <param name="guests">Guests at a time.</param>
/// <param name="kept">What an earlier call measured, which counts too.</param>
internal sealed class GuestCounts(RunProgress progress, int guests, IReadOnlyList<CellRecord> kept)
{
    // Of a cell or a case.
    private static readonly TimeSpan s_guess = TimeSpan.FromSeconds(12);

    private readonly Lock _lock = new();

    /// <summary>How many did what they should. To be read once no guest runs, as <see cref="Failed"/>.</summary>
    public int Ok { get; private set; } = kept.Count(record => record.Status == CellStatus.Ok);

    /// <summary>How many did not, and how often results were lost.</summary>
    public int Failed { get; private set; } = kept.Count(record => record.Status == CellStatus.Failed);

    /// <summary>A line that stays.</summary>
    public void Say(string line)
    {
        lock (_lock)
        {
            progress.Say(line);
        }
    }

    /// <summary>Results that could not be written.</summary>
    public void Lost(string line)
    {
        lock (_lock)
        {
            Failed++;
            progress.Say(line);
        }
    }

    /// <summary>A cell or a case begins in a guest.</summary>
    public void Begin(string guest, string name)
    {
        lock (_lock)
        {
            progress.Begin(guest, name, s_guess / guests);
        }
    }

    /// <summary>It has ended; <paramref name="summary"/> says how, in a few words.</summary>
    public void End(string guest, string name, CellStatus status, string summary, TimeSpan spent)
    {
        lock (_lock)
        {
            Ok += status == CellStatus.Ok ? 1 : 0;
            Failed += status == CellStatus.Failed ? 1 : 0;
            progress.End(guest, name, spent / guests, summary);
        }
    }
}
