using System.Globalization;
using Harness.Io;

namespace Harness.Measure;

/// <summary>For how long one thread that only reads the clock was kept from running.</summary>
/// <param name="Seconds">How long it looked.</param>
/// <param name="Count">Gaps of <see cref="StallWatch.LeastUs"/> or more.</param>
/// <param name="TotalUs">All of them together.</param>
/// <param name="LongestUs">The longest.</param>
internal sealed record Stalls(double Seconds, long Count, double TotalUs, double LongestUs);

/// <summary>
/// Finds gaps in the looks of a thread at the clock: interrupts, other processes, the host of a virtual machine. No latency measured here can be better than
/// they allow, and no open loop more punctual.
/// </summary>
internal sealed class StallWatch
{
    /// <summary>A gap between two looks counts from here; the looks themselves are some 30 ns apart.</summary>
    public const double LeastUs = 20;

    /// <summary>How long <c>probe</c> looks.</summary>
    public static readonly TimeSpan ProbeDuration = TimeSpan.FromMilliseconds(500);

    // An open loop at half of its rate takes as long to catch up as a stall lasted, so twice this share of its requests is late: a half of its 99th percentile.
    private const double MaxPercent = 0.25;

    private long? _firstNs;
    private long _lastNs;
    private long _count;
    private long _totalNs;
    private long _longestNs;

    public Stalls Found => new((_lastNs - (_firstNs ?? 0)) / 1e9, _count, _totalNs / 1e3, _longestNs / 1e3);

    /// <summary>A look at the clock, in nanoseconds that never fall.</summary>
    public void Look(long nowNs)
    {
        _lastNs = _firstNs is null ? nowNs : _lastNs;
        _firstNs ??= nowNs;
        long gapNs = nowNs - _lastNs;
        _lastNs = nowNs;
        if (gapNs >= LeastUs * 1e3)
        {
            _count++;
            _totalNs += gapNs;
            _longestNs = Math.Max(_longestNs, gapNs);
        }
    }

    /// <summary>Looks with several threads at once, which is how a server and a load generator that spin would fare.</summary>
    /// <param name="threads">How many; no more than there are CPUs.</param>
    /// <param name="duration">For how long.</param>
    public static IReadOnlyList<Stalls> Run(int threads, TimeSpan duration)
    {
        StallWatch[] watches = [.. Enumerable.Range(0, threads).Select(_ => new StallWatch())];
        Thread[] running = [.. watches.Select(watch => new Thread(() => watch.Spin((long)duration.TotalNanoseconds)) { IsBackground = true })];
        Array.ForEach(running, thread => thread.Start());
        Array.ForEach(running, thread => thread.Join());
        return [.. watches.Select(watch => watch.Found)];
    }

    /// <summary>What they do to the figures; null where they are few.</summary>
    public static Warning? Warning(IReadOnlyList<Stalls> found)
    {
        double percent = 100 * found.Sum(stalls => stalls.TotalUs) / found.Sum(stalls => stalls.Seconds * 1e6);
        double longestMs = found.Max(stalls => stalls.LongestUs) / 1000;
        return percent is not > MaxPercent ? null : new Warning(
            "stalls",
            string.Create(CultureInfo.InvariantCulture, $"threads that never sleep were kept from running for {percent:0.##} % of the time, up to {longestMs:0.0} ms at once: the tails of latencies are the machine's"),
            "end other processes, leave the measured CPUs to nobody else (isolcpus=, nohz_full=), or use a host that is not shared");
    }

    private void Spin(long durationNs)
    {
        // That the loop is compiled is not the machine's doing.
        var warm = new StallWatch();
        for (int looks = 0; looks < 100_000; looks++)
        {
            warm.Look(MonotonicClock.NowNs);
        }

        long endNs = MonotonicClock.NowNs + durationNs;
        for (long nowNs = MonotonicClock.NowNs; nowNs < endNs; nowNs = MonotonicClock.NowNs)
        {
            Look(nowNs);
        }
    }
}
