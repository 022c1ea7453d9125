using System.Runtime.CompilerServices;
using Harness.Io;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>
/// The lowest rung: what a ring does at most. One process hands over <c>depth</c> NOPs in one enter, takes their completions, and begins again; nothing is sent
/// anywhere.
/// </summary>
internal static class NopRung
{
    /// <exception cref="HarnessException">The kernel refuses a ring, or the batch is larger than one.</exception>
    public static LoadResult Measure(RungOptions options)
    {
        if (options.Depth > RungOptions.MaxNops)
        {
            throw new HarnessException(ExitCode.Usage, $"--depth {options.Depth}: a ring has at most {RungOptions.MaxNops} entries; give that many, or fewer");
        }
        using Ring ring = CreateRing((uint)options.Depth);
        ring.Enable();
        TimeSpan warmup = RungWarmup.Run(options.Warmup, time => Run(ring, (uint)options.Depth, time));
        var (enters, sqes, cqes) = (ring.Enters, ring.Sqes, ring.Cqes);
        long startNs = MonotonicClock.NowNs;
        var start = new RungCosts();
        long ops = Run(ring, (uint)options.Depth, options.Duration);
        var end = new RungCosts();
        double seconds = (MonotonicClock.NowNs - startNs) / 1e9;
        SideCosts costs = start.Until(end, ops, ring.Enters - enters) with
        {
            EntersPerOp = (ring.Enters - enters) / (double)ops,
            SqesPerOp = (ring.Sqes - sqes) / (double)ops,
            CqesPerOp = (ring.Cqes - cqes) / (double)ops,
            RingFlags = ring.Flags.ToNames(),
        };
        return RungResult.Of(warmup, startNs, seconds, ops, bytesPerOp: 0, costs);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Run(Ring ring, uint depth, TimeSpan time)
    {
        long endNs = MonotonicClock.NowNs + (long)time.TotalNanoseconds;
        long ops = 0;
        do
        {
            for (uint i = 0; i < depth; i++)
            {
                ring.PrepareNop(userData: i);
            }
            Require(ring.SubmitAndWait(depth));
            for (uint taken = 0; taken < depth;)
            {
                if (ring.TryTake(out _))
                {
                    taken++;
                }
                else
                {
                    Require(ring.SubmitAndWait(minComplete: 1));
                }
            }
            ops += depth;
        }
        while (MonotonicClock.NowNs < endNs);
        return ops;
    }

    private static void Require(int result)
    {
        if (result < 0 && result != -Io.Native.Errno.EINTR)
        {
            throw new HarnessException(ExitCode.Failed, $"io_uring_enter failed with error {-result} (errno)");
        }
    }

    private static Ring CreateRing(uint entries)
    {
        try
        {
            return new Ring(new RingOptions { Entries = entries });
        }
        catch (RingUnavailableException problem)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, problem.Message, problem);
        }
        catch (IOException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
    }
}
