using Harness.Events;
using Harness.Io;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>
/// One variant of the pipe test by itself, for a cell of a matrix: no rung that anything stands on, but measured as they are. An operation is an event.
/// </summary>
internal static class EventsRung
{
    // Between two looks at the clock; a few milliseconds.
    private const int Chunk = 1000;

    /// <exception cref="HarnessException">The variant cannot run here.</exception>
    public static LoadResult Measure(RungOptions options)
    {
        LoopVariant variant = options.Variant!;
        using PipeTest test = EventVariants.Try(() => new PipeTest(variant, options.Pipes, options.Tokens), out string? refusal)
            ?? throw new HarnessException(ExitCode.NothingCouldRun, refusal!);
        TimeSpan warmup = RungWarmup.Run(options.Warmup, time => Run(test, time));
        // Once now, so that nothing of it is done for the first time in the measured part.
        _ = new RungCosts().Until(new RungCosts(), 1, 0);
        long startNs = MonotonicClock.NowNs;
        var start = new RungCosts();
        PipeTestFigures figures = Run(test, options.Duration);
        var end = new RungCosts();
        SideCosts costs = start.Until(end, figures.Events, figures.SystemCalls) with
        {
            CqesPerOp = Matrix.Vocabulary.NeedsRing(variant.Backend) ? figures.Cqes / (double)figures.Events : null,
        };
        return RungResult.Of(warmup, startNs, figures.ElapsedNs / 1e9, figures.Events, bytesPerOp: 1, costs) with { Backend = variant.Backend };
    }

    private static PipeTestFigures Run(PipeTest test, TimeSpan time)
    {
        PipeTestFigures sum = default;
        while (sum.ElapsedNs < time.TotalNanoseconds)
        {
            PipeTestFigures some = test.Run(Chunk);
            sum = new PipeTestFigures(
                sum.Events + some.Events,
                sum.ElapsedNs + some.ElapsedNs,
                sum.SystemCalls + some.SystemCalls,
                sum.Cqes + some.Cqes,
                sum.AllocatedBytes + some.AllocatedBytes);
        }
        return sum;
    }
}
