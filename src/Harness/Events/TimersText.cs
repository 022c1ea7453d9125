using System.Globalization;
using Harness.Report;
using Harness.Results;

namespace Harness.Events;

/// <summary><c>harness events --timers</c> for people.</summary>
internal static class TimersText
{
    public static LoopTable Of(IReadOnlyList<TimerFigures> figures)
    {
        TimerFigures first = figures[0];
        string slack = first.TimerSlackNs is { } ns ? $"{Figures.Short(ns / 1e3)} µs" : "unknown";
        return new LoopTable(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{first.RateAsked:N0} timers a second armed and as many cancelled, {first.Running:N0} running, for {first.Seconds:0.0} s in {first.Slices} turns; timer slack {slack}"),
            ["backend"],
            ["armed/s", "cancelled/s", "alloc B", "GCs", "CPU µs/timer", "ns/pair", "fired", "early", "late p50", "p90", "p99", "p99.9", "max µs"],
            [.. figures.Select(Row)],
            [
                "CPU µs/timer: all CPU time of the loop's thread, its wake-ups among it, over the timers armed",
                "ns/pair: one cancelling and one arming by themselves",
                $"late: µs from when a timer was due to the call of its handler, of {TimerLoad.FiringPerSecond} a second at random instants",
            ]);
    }

    private static string[] Row(TimerFigures figures) =>
    [
        figures.Backend,
        Figures.Count(figures.ArmedPerSecond),
        Figures.Count(figures.CancelledPerSecond),
        Figures.Count(figures.AllocatedBytes),
        Figures.Count(figures.GcCount),
        Figures.Short(figures.CpuUsPerTimer),
        Figures.Short(figures.CancelAndArmNs),
        Figures.Count(figures.LatenessUs?.Count ?? 0),
        Figures.Count(figures.FiredEarly),
        .. Percentiles(figures.LatenessUs).Select(Figures.Short),
    ];

    private static double?[] Percentiles(LatencySummary? late) => [late?.P50, late?.P90, late?.P99, late?.P999, late?.Max];
}
