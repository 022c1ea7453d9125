using Harness.Matrix;

namespace Harness.Events;

/// <summary>Many timers on each backend: slices in turns, so that noise of the machine falls on all alike.</summary>
internal static class TimersRun
{
    // Longer than the runtime waits before it compiles anew, 100 ms.
    private static readonly TimeSpan LeastWarmup = TimeSpan.FromMilliseconds(250);

    /// <summary>Measures, on the calling thread.</summary>
    /// <param name="options">What.</param>
    /// <param name="messages">Takes warnings.</param>
    /// <param name="stop">Ends it after the slice under way; what was measured by then is the result.</param>
    /// <exception cref="HarnessException">No backend that was asked for can run here.</exception>
    public static IReadOnlyList<(TimerFigures Figures, TimerLoad Load)> Run(TimersOptions options, TextWriter messages, CancellationToken stop)
    {
        int rounds = (int)Math.Max(1, Math.Ceiling(options.Duration / options.Slice));
        TimeSpan slice = options.Duration / rounds;
        TimeSpan warmup = slice > LeastWarmup ? slice : LeastWarmup;
        (string Backend, TimerLoad Load)[] loads =
        [
            .. EventBackends.Runnable(options.Backends, messages).Select(backend => (backend, new TimerLoad(backend, options.Rate, options.Seed))),
        ];
        try
        {
            if (!SettledCode.Reached(() => Array.ForEach(loads, load => load.Load.Run(warmup))))
            {
                messages.WriteLine("warning: code was still being compiled when the slices began; remedy: end other processes, and measure again");
            }
            Array.ForEach(loads, load => load.Load.Forget());
            for (int round = 1; round <= rounds && (round == 1 || !stop.IsCancellationRequested); round++)
            {
                Array.ForEach(Interleave.Round(loads, options.Seed, round), load => load.Load.Run(slice));
            }
            return [.. loads.Select(load => (TimerFigures.Of(load.Backend, options.Rate, load.Load), load.Load))];
        }
        finally
        {
            Array.ForEach(loads, load => load.Load.Dispose());
        }
    }
}
