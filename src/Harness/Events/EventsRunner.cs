using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using Harness.Io;
using Harness.Matrix;
using Harness.Run;

namespace Harness.Events;

/// <summary>A pipe test that runs: the real one, or in tests a scripted one.</summary>
internal interface IPipeRun : IDisposable
{
    /// <summary>Moves tokens at least so many times.</summary>
    PipeTestFigures Run(long events);
}

/// <summary>
/// Holds variants of the pipe test against each other: in every round each of them once at each number of tokens, in an order of the round's own. Each time
/// it is a fresh test, so that none keeps its luck with addresses; a tenth of the events go before those that count.
/// </summary>
/// <param name="options">What is measured.</param>
/// <param name="make">Makes the test of a variant with so many tokens.</param>
/// <param name="messages">Where progress goes, and why a variant is skipped.</param>
internal sealed class EventsRunner(EventsOptions options, Func<LoopVariant, int, IPipeRun> make, TextWriter messages)
{
    // Code that is called now and then is compiled much later, a method at a time.
    private const int Stray = 3;
    private const int LeastEventsBefore = 1000;

    // A warm-up that has not ended by then is one of a machine that is busy with something else.
    private static readonly TimeSpan s_longestWarmup = TimeSpan.FromSeconds(10);

    private readonly List<(LoopVariant Variant, int Tokens)> _cells = [];

    /// <summary>Whether methods were still being compiled when the rounds began.</summary>
    public bool WarmupWasCutShort { get; private set; }

    /// <summary>The rounds of every variant that can run here; those that cannot are named on the messages.</summary>
    /// <exception cref="HarnessException">A test cannot be made, for want of descriptors.</exception>
    public IReadOnlyList<EventSample> Run()
    {
        FindRunnable();
        var samples = new List<EventSample>();
        if (_cells.Count == 0)
        {
            return samples;
        }
        WarmUp();
        var progress = RunProgress.Of(messages, options.Rounds);
        string what = string.Create(CultureInfo.InvariantCulture, $"{_cells.Count} measurements of {options.Events:n0} events");
        for (int round = 1; round <= options.Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            progress.Begin(round, what, TimeSpan.FromSeconds(0.06 * _cells.Count));
            foreach (var (variant, tokens) in Interleave.Round(_cells, options.Seed, round))
            {
                samples.Add(Sample(variant, tokens, round, Measure(variant, tokens)));
            }
            progress.End(round, what, clock.Elapsed, "done");
        }
        progress.Erase();
        return samples;
    }

    private void FindRunnable()
    {
        foreach (LoopVariant variant in options.Variants)
        {
            using IPipeRun? test = EventVariants.Try(() => make(variant, options.Tokens[0]), out string? refusal);
            if (refusal is null)
            {
                _cells.AddRange(options.Tokens.Select(tokens => (variant, tokens)));
            }
            else
            {
                messages.WriteLine($"skipped {variant.Backend} {variant.Variant}: {refusal}");
            }
        }
    }

    /// <summary>Goes through all of them until the runtime has compiled what it has to; as <see cref="Load.Warmup"/> has it.</summary>
    private void WarmUp()
    {
        long start = Stopwatch.GetTimestamp();
        long compiled = 0;
        do
        {
            long before = JitInfo.GetCompiledMethodCount();
            long passStart = Stopwatch.GetTimestamp();
            do
            {
                _cells.ForEach(cell => Measure(cell.Variant, cell.Tokens));
            }
            while (Stopwatch.GetElapsedTime(passStart) < Load.Warmup.Quiet);
            compiled = JitInfo.GetCompiledMethodCount() - before;
        }
        while (compiled > Stray && Stopwatch.GetElapsedTime(start) < s_longestWarmup);
        WarmupWasCutShort = compiled > Stray;
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private PipeTestFigures Measure(LoopVariant variant, int tokens)
    {
        using IPipeRun test = EventVariants.Try(() => make(variant, tokens), out string? refusal)
            ?? throw new HarnessException(ExitCode.Failed, $"{variant.Backend} {variant.Variant} ran, and now cannot: {refusal}");
        test.Run(Math.Max(options.Events / 10, LeastEventsBefore));
        return test.Run(options.Events);
    }

    private EventSample Sample(LoopVariant variant, int tokens, int round, PipeTestFigures figures) => new()
    {
        Backend = variant.Backend,
        Variant = variant.Variant,
        Pipes = options.Pipes,
        Tokens = tokens,
        Round = round,
        EventsPerSecond = figures.Events * 1e9 / figures.ElapsedNs,
        SyscallsPerEvent = figures.SystemCalls / (double)figures.Events,
        CqesPerEvent = Vocabulary.NeedsRing(variant.Backend) ? figures.Cqes / (double)figures.Events : null,
        AllocatedBytesPerEvent = figures.AllocatedBytes / (double)figures.Events,
    };
}
