using System.Diagnostics;
using Harness.Io;
using Harness.Measure;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>
/// The price of entering the kernel: one process that calls getppid(2) over and over. Nothing stands on it as NBD stands on the exchange; it says what a kernel
/// and its mitigations add to every system call there is.
/// </summary>
internal static class SyscallRung
{
    // Between two looks at the clock; a millisecond or less.
    private const int Chunk = 1000;

    public static LoadResult Measure(RungOptions options)
    {
        using InstructionMarks? marks = WindowMarks.Asked();
        TimeSpan warmup = WarmUp(options);
        // Once now, so that nothing of it is done for the first time in the measured part.
        _ = new RungCosts().Until(new RungCosts(), 1, 0);
        _ = MonotonicClock.NowNs;
        var start = new RungCosts();
        marks?.Begin();
        long startNs = MonotonicClock.NowNs;
        long ops = options.Ops is { } asked ? RunOps(asked) : RunFor(options.Duration);
        long endNs = MonotonicClock.NowNs;
        marks?.End();
        var end = new RungCosts();
        return RungResult.Of(warmup, startNs, (endNs - startNs) / 1e9, ops, bytesPerOp: 0, start.Until(end, ops, ops));
    }

    // A fixed number of operations has a fixed number before it too.
    private static TimeSpan WarmUp(RungOptions options)
    {
        if (options.Ops is not { } ops)
        {
            return RungWarmup.Run(options.Warmup, time => RunFor(time));
        }
        long began = Stopwatch.GetTimestamp();
        _ = RunOps(Math.Max(1, ops / 10));
        return Stopwatch.GetElapsedTime(began);
    }

    private static long RunOps(long ops)
    {
        BareSystemCall.Run(ops);
        return ops;
    }

    private static long RunFor(TimeSpan time)
    {
        long endNs = MonotonicClock.NowNs + (long)time.TotalNanoseconds;
        long ops = 0;
        do
        {
            BareSystemCall.Run(Chunk);
            ops += Chunk;
        }
        while (MonotonicClock.NowNs < endNs);
        return ops;
    }
}
