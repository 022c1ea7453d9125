using System.Diagnostics;
using System.Runtime;
using System.Text.Json;
using Harness.Io;

namespace Harness.Load;

/// <summary>
/// The load before the measured part. It ends when tiering has: the runtime counts the methods that it compiles (<see cref="JitInfo"/>), those compiled
/// anew at a higher tier among them, and waits 100 ms after the last new one before it raises the hot ones. So a span that is longer, in which
/// neither side compiled more than a stray one, means that what runs now is what will run. Asking must not be what is seen: it is done often enough at the
/// beginning
/// for its own code to be raised with the rest. Latencies are recorded meanwhile, into histograms that are thrown away, for the same reason.
/// </summary>
internal sealed class Warmup(LoadSession session, ServerCosts? server, EventLoop loop)
{
    // With --ops the number of warm-up operations is fixed too, so that the whole run asks the same of the server each time.
    private const long MaxOps = 100_000;

    // How often the asked time may pass before the measured part begins all the same; a warning then says that tiering went on.
    private const int MaxTimes = 4;

    // Methods are raised after 30 calls (TC_CallCountThreshold).
    private const int CallsUntilRaised = 32;

    // Code that is called now and then reaches the count much later, a method at a time; the load's own code comes by the hundred.
    private const int Stray = 3;

    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(250);

    /// <summary>How long it took.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs it. False where a connection was lost.</summary>
    /// <param name="options">How long at least, and whether operations are counted.</param>
    public bool Run(LoadOptions options)
    {
        for (int i = 0; i < CallsUntilRaised; i++)
        {
            _ = ClientCosts.Now(loop);
            _ = Compiled();
        }

        long start = Stopwatch.GetTimestamp();
        session.Record(new LoadRecord(isOpen: options.Rate is not null, intervals: 2));
        bool went = options.Ops is { } ops
            ? session.RunPhase(Math.Min(ops / 10, MaxOps), TimeSpan.Zero)
            : session.RunPhase(null, options.Warmup) && Settle(options.Warmup, start);
        Elapsed = Stopwatch.GetElapsedTime(start);
        return went;
    }

    private bool Settle(TimeSpan warmup, long start)
    {
        (long Client, double? Server) before = Compiled();
        while (Stopwatch.GetElapsedTime(start) is var spent && spent < warmup * MaxTimes)
        {
            TimeSpan left = (warmup * MaxTimes) - spent;
            if (!session.RunPhase(null, left < s_quiet ? left : s_quiet))
            {
                return false;
            }

            (long Client, double? Server) now = Compiled();
            if (now.Client - before.Client + ((now.Server - before.Server) ?? 0) <= Stray)
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
