using System.Diagnostics;
using System.Runtime;
using System.Text.Json;
using HdrHistogram;

namespace Harness.Load;

/// <summary>
/// The load before the measured part. It ends when tiering has: the runtime counts the methods it has compiled (<see cref="JitInfo"/>), recompilation at a
/// higher tier among them, so a span longer than the runtime's tiering delay (100 ms, <c>TieredCompilation.BackgroundWorkerTimeoutMs</c> and
/// <c>TC_CallCountingDelayMs</c>) in which neither side compiled any means that what runs is what will run. Both sides have got their last
/// one-time code by then, since the asking is the same as around the measured part, and latencies are recorded, into histograms that are thrown away.
/// </summary>
internal sealed class Warmup(LoadSession session, ServerCosts? server, Func<long> nowNs)
{
    // With --ops the number of warm-up operations is fixed too, so that the whole run asks the same of the server each time.
    private const long MaxOps = 100_000;

    // How often the asked time may pass before the measured part begins all the same; a warning then says that tiering went on.
    private const int MaxTimes = 4;

    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(250);

    /// <summary>How long it took.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs it. False where a connection was lost.</summary>
    /// <param name="options">How long at least, and whether operations are counted.</param>
    public bool Run(LoadOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        var latencies = new IntervalLog(2);
        latencies.Start(nowNs());
        session.Record(latencies, LatencyHistogram.Create());
        bool went = options.Ops is { } ops
            ? session.RunPhase(Math.Min(ops / 10, MaxOps), TimeSpan.Zero)
            : session.RunPhase(null, options.Warmup) && Settle(options.Warmup, start);
        Elapsed = Stopwatch.GetElapsedTime(start);
        return went;
    }

    private bool Settle(TimeSpan warmup, long start)
    {
        // The first answer makes both sides compile what answering takes.
        _ = Compiled();
        (long Client, double? Server) before = Compiled();
        while (Stopwatch.GetElapsedTime(start) is var spent && spent < warmup * MaxTimes)
        {
            TimeSpan left = (warmup * MaxTimes) - spent;
            if (!session.RunPhase(null, left < s_quiet ? left : s_quiet))
            {
                return false;
            }

            (long Client, double? Server) now = Compiled();
            if (now == before)
            {
                return true;
            }

            before = now;
        }

        return true;
    }

    private (long Client, double? Server) Compiled()
    {
        JsonElement? counters = server?.Read();
        return (JitInfo.GetCompiledMethodCount(), counters is { } some ? ServerCosts.Number(some, "jit_methods") : null);
    }
}
