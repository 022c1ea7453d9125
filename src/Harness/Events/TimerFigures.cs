using Harness.Io;
using Harness.Results;

namespace Harness.Events;

/// <summary>What <c>harness events --timers</c> found of one backend.</summary>
internal sealed record TimerFigures
{
    public required string Backend { get; init; }

    /// <summary>Deadlines to be armed, and as many to be cancelled, per second.</summary>
    public required long RateAsked { get; init; }

    public required double ArmedPerSecond { get; init; }
    public required double CancelledPerSecond { get; init; }

    /// <summary>Deadlines that ran at any time.</summary>
    public required int Running { get; init; }

    public required double Seconds { get; init; }

    /// <summary>In how many turns of this backend the seconds were spent.</summary>
    public required int Slices { get; init; }

    /// <summary>By the loop's thread, in all of the measured time.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Collections of the process meanwhile.</summary>
    public required int GcCount { get; init; }

    /// <summary>All CPU time of the loop's thread over the deadlines armed: its wake-ups are among it, and the timers that were due.</summary>
    public required double CpuUsPerTimer { get; init; }

    /// <summary>Time of one cancelling and one arming by themselves.</summary>
    public required double CancelAndArmNs { get; init; }

    /// <summary>Timers that were called before they were due; never other than 0.</summary>
    public required long FiredEarly { get; init; }

    /// <summary>From when a timer was due to its handler; null where none was.</summary>
    public required LatencySummary? LatenessUs { get; init; }

    /// <summary>The loop's thread's; null where a sandbox hides it.</summary>
    public required int? TimerSlackNs { get; init; }

    public static TimerFigures Of(string backend, long rate, TimerLoad load)
    {
        TimerTotals totals = load.Totals;
        double seconds = totals.Ns / 1e9;
        return new TimerFigures
        {
            Backend = backend,
            RateAsked = rate,
            ArmedPerSecond = totals.Armed / seconds,
            CancelledPerSecond = totals.Cancelled / seconds,
            Running = load.Running,
            Seconds = seconds,
            Slices = totals.Slices,
            AllocatedBytes = totals.AllocatedBytes,
            GcCount = totals.Collections,
            CpuUsPerTimer = (double)totals.CpuUs / Math.Max(1, totals.Armed),
            CancelAndArmNs = (double)totals.BatchNs / Math.Max(1, totals.Armed),
            FiredEarly = totals.Early,
            LatenessUs = LatencyFiles.Summarize(load.LatenessNs),
            TimerSlackNs = TimerSlack.OfThisThreadNs is var slack and >= 0 ? slack : null,
        };
    }
}
