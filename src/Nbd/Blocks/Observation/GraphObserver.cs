namespace Harness.Nbd;

/// <summary>What went by one edge while it was observed.</summary>
/// <param name="Edge">From a filter or an export to a block.</param>
/// <param name="Commands">What was seen, by command; those that were not seen are left out.</param>
public sealed record EdgeTraffic(BlockEdge Edge, IReadOnlyDictionary<NbdCommand, TrafficCounts> Commands);

/// <summary>
/// Counts and times what goes through every edge of a server's graph, for a while and when asked. It stands where a drain does, so that a graph that nobody
/// observes pays nothing for it; while it lasts, each request costs two readings of the clock and a small object for every edge.
/// </summary>
public sealed class GraphObserver
{
    private readonly BlockNodes _nodes;
    private readonly BlockDrains _drains;
    private readonly SemaphoreSlim _one = new(1);

    internal GraphObserver(BlockNodes nodes, BlockDrains drains)
    {
        _nodes = nodes;
        _drains = drains;
    }

    /// <summary>Observes the edges that there are now. A request counts where it begins and ends meanwhile. Any thread; two at once take turns.</summary>
    public async Task<IReadOnlyList<EdgeTraffic>> ObserveAsync(TimeSpan time)
    {
        await _one.WaitAsync().ConfigureAwait(false);
        try
        {
            BlockEdge[] edges = [.. _nodes.Exports.Select(export => export.Edge).Concat(_nodes.All.SelectMany(node => node.Parents)).Distinct()];
            IReadOnlyList<BlockLoop> loops = _drains.Loops;
            lock (_drains.Sync)
            {
                Array.ForEach(edges, edge => edge.AddHold(loops, _drains.MakeGate));
            }

            await OnLoops(loops, (loop, _) => Begin(edges, loop)).ConfigureAwait(false);
            await Task.Delay(time).ConfigureAwait(false);
            Dictionary<NbdCommand, TrafficCounts>[] sums = [.. edges.Select(_ => new Dictionary<NbdCommand, TrafficCounts>())];
            await OnLoops(loops, (loop, sync) => End(edges, loop, sums, sync)).ConfigureAwait(false);
            lock (_drains.Sync)
            {
                Array.ForEach(edges, edge => edge.RemoveHold());
            }

            return [.. edges.Select((edge, index) => new EdgeTraffic(edge, sums[index]))];
        }
        finally
        {
            _one.Release();
        }
    }

    private static void Begin(BlockEdge[] edges, BlockLoop loop)
    {
        foreach (BlockEdge edge in edges)
        {
            edge.GateOf(loop)!.Counts = new EdgeCounts(loop);
        }
    }

    private static void End(BlockEdge[] edges, BlockLoop loop, Dictionary<NbdCommand, TrafficCounts>[] sums, Lock sync)
    {
        lock (sync)
        {
            for (int i = 0; i < edges.Length; i++)
            {
                EdgeGate gate = edges[i].GateOf(loop)!;
                for (int command = 0; command < gate.Counts!.Commands.Length; command++)
                {
                    if (gate.Counts.Commands[command] is { } counts)
                    {
                        sums[i].TryAdd((NbdCommand)command, new TrafficCounts());
                        sums[i][(NbdCommand)command].Add(counts);
                    }
                }

                // What is still on its way counts into what nobody reads.
                gate.Counts = null;
            }
        }
    }

    private static Task OnLoops(IReadOnlyList<BlockLoop> loops, Action<BlockLoop, Lock> act)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sync = new Lock();
        int left = loops.Count;
        foreach (BlockLoop loop in loops)
        {
            loop.Post(() =>
            {
                act(loop, sync);
                if (Interlocked.Decrement(ref left) == 0)
                {
                    done.SetResult();
                }
            });
        }

        return done.Task;
    }
}
