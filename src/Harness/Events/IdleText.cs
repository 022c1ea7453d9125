using System.Globalization;
using Harness.Report;

namespace Harness.Events;

/// <summary><c>harness events --idle</c> for people.</summary>
internal static class IdleText
{
    public static LoopTable Of(IReadOnlyList<IdleFigures> figures) => new(
        $"one of many connections wakes its loop: {Number(figures[0].WakeUps)} times in each of {Number(figures[0].Rounds)} rounds",
        ["connections", "backend"],
        ["CPU µs/wake-up", "interval", "latency µs", "interval", "calls/wake-up", "managed B/connection", "malloc B/connection"],
        [.. figures.Select(Row)],
        [
            "CPU: of the loop's thread, from one sleep to the next; latency: from before the message is sent to the handler",
            "median over the rounds and its 95 % interval, with fewer than six rounds all of them",
            "B/connection: what the process has in use for a watched one, without its socket and what the kernel keeps",
        ]);

    private static string[] Row(IdleFigures figures) =>
    [
        Number(figures.Connections),
        figures.Backend,
        Figures.Short(figures.WakeUpCpuUs.Median),
        Interval(figures.WakeUpCpuUs),
        Figures.Short(figures.WakeUpLatencyUs.Median),
        Interval(figures.WakeUpLatencyUs),
        Figures.Short(figures.SyscallsPerWakeUp.Median),
        Figures.Short(figures.ManagedBytesPerConnection?.Median),
        Figures.Short(figures.NativeBytesPerConnection?.Median),
    ];

    private static string Interval(Spread spread) =>
        spread.Min == spread.Max ? "" : $"{Figures.Short(spread.Low ?? spread.Min)}..{Figures.Short(spread.High ?? spread.Max)}";

    private static string Number(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
