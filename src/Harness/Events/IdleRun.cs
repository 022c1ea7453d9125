using Harness.Matrix;

namespace Harness.Events;

/// <summary>Many idle connections on each backend: what one costs in memory, and what it costs that one wakes up. Rounds are interleaved.</summary>
internal static class IdleRun
{
    // About 300 ms of wake-ups, which is longer than the runtime waits before it compiles anew.
    private const int WarmupWakeUps = 250;

    /// <summary>Measures, on the calling thread.</summary>
    /// <param name="options">What.</param>
    /// <param name="messages">Takes warnings.</param>
    /// <param name="stop">Ends it after the round under way; what was measured by then is the result.</param>
    /// <exception cref="HarnessException">No backend can run here, or the process may not have so many descriptors.</exception>
    public static IReadOnlyList<IdleFigures> Run(IdleOptions options, TextWriter messages, CancellationToken stop)
    {
        IReadOnlyList<string> backends = EventBackends.Runnable(options.Backends, messages);
        using var watched = new IdleConnections(options.Connections.Max());
        IdleSample Measure(string backend, int connections, int wakeUps, int round) =>
            IdleLoop.Measure(backend, watched, connections, wakeUps, options.Seed + (ulong)round);

        int fewest = options.Connections.Min();
        foreach (string backend in backends)
        {
            if (!SettledCode.Reached(() => Measure(backend, fewest, WarmupWakeUps, 0)))
            {
                messages.WriteLine("warning: code was still being compiled when the rounds began; remedy: end other processes, and measure again");
            }
        }
        (string Backend, int Connections, List<IdleSample> Samples)[] tests =
        [
            .. from connections in options.Connections from backend in backends select (backend, connections, new List<IdleSample>()),
        ];
        for (int round = 1; round <= options.Rounds && (round == 1 || !stop.IsCancellationRequested); round++)
        {
            foreach (var test in Interleave.Round(tests, options.Seed, round))
            {
                test.Samples.Add(Measure(test.Backend, test.Connections, options.WakeUps, round));
            }
        }
        return [.. tests.Select(test => IdleFigures.Of(test.Backend, test.Connections, options.WakeUps, test.Samples))];
    }
}
