using System.Diagnostics;
using System.Runtime;
using System.Text.Json;
using Harness.Io;

namespace Harness.Load;

/// <summary>
/// The load before the measured part. It ends when tiering has: the runtime counts the methods that it compiles (<see cref="JitInfo"/>), those compiled
/// anew at a higher tier among them, and waits 100 ms after the last new one before it raises the hot ones. So a span that is longer, in which
/// neither side compiled more than a stray one, means that what runs now is what will run. What asks for the counters is code too, and hot after
/// 30 calls: it is called so often before every span that it is raised with the rest, here and not in the measured part. Latencies are
/// recorded meanwhile, and thrown away, for the same reason.
/// </summary>
internal sealed class Warmup(LoadSession session, EventLoop loop, SenderThread? sender = null, ServerCosts? server = null)
{
    /// <summary>How often the asked time may pass before the measured part begins all the same; a warning then says that tiering went on.</summary>
    public const int MaxTimes = 6;

    // With --ops the number of warm-up operations is fixed too, so that the whole run asks the same of the server each time.
    private const long MaxOps = 100_000;

    // Every reading asks the server twice, which makes more than the runtime's threshold of 30 calls (TC_CallCountThreshold).
    private const int ReadingsUntilRaised = 16;

    // Code that is called now and then reaches the threshold much later, a method at a time; the load's own code comes by the hundred.
    private const int Stray = 3;

    /// <summary>
    /// Without a method compiled for so long, tiering has ended: the runtime's delay passes once before calls are counted and once more before what was found
    /// hot is compiled.
    /// </summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    /// <summary>How long it took.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs it. False where a connection was lost.</summary>
    /// <param name="options">How long at least, and whether operations are counted.</param>
    public bool Run(LoadOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        _ = ReadBothSides();
        session.Record(new LoadRecord(isOpen: options.Rate is not null, intervals: 2));
        bool went = options.Ops is { } ops
            ? session.RunPhase(Math.Min(ops / 10, MaxOps), TimeSpan.Zero)
            : session.RunPhase(null, options.Warmup) && Settle(options.Warmup, start);
        Elapsed = Stopwatch.GetElapsedTime(start);
        return went;
    }

    private bool Settle(TimeSpan warmup, long start)
    {
        while (Stopwatch.GetElapsedTime(start) is var spent && spent < warmup * MaxTimes)
        {
            long before = RaiseReadings();
            TimeSpan left = (warmup * MaxTimes) - spent;
            if (!session.RunPhase(null, left < Quiet ? left : Quiet))
            {
                return false;
            }

            if (ReadBothSides() - before <= Stray)
            {
                return true;
            }
        }

        return true;
    }

    private long RaiseReadings()
    {
        long compiled = 0;
        for (int i = 0; i < ReadingsUntilRaised; i++)
        {
            compiled = ReadBothSides();
        }

        return compiled;
    }

    /// <summary>Reads all that is read around the measured part, and returns how many methods the two sides have compiled so far.</summary>
    private long ReadBothSides()
    {
        _ = ClientCosts.Now(loop, sender);
        JsonElement? counters = server?.Read();
        double? theirs = counters is { } some ? ServerCosts.Number(some, "jit_methods") : null;
        return JitInfo.GetCompiledMethodCount() + (long)(theirs ?? 0);
    }
}
