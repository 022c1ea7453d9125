namespace Harness.Nbd;

/// <summary>Where requests are at one moment: in which block, or waiting before it.</summary>
/// <param name="InFlight">Requests that the block has: it was handed them, and has not completed them or handed them on.</param>
/// <param name="Waiting">Requests that wait before it, for the end of a drain.</param>
public readonly record struct NodeLoad(int InFlight, int Waiting);

/// <summary>
/// Counts the requests in each block. Nothing is counted on the hot path: each loop looks through its own requests when it is asked, which wakes it once.
/// </summary>
internal sealed class BlockCensus
{
    private readonly Dictionary<IBlock, NodeLoad> _loads = [];
    private readonly TaskCompletionSource<IReadOnlyDictionary<IBlock, NodeLoad>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left;

    public static Task<IReadOnlyDictionary<IBlock, NodeLoad>> Take(IReadOnlyList<BlockLoop> loops)
    {
        var census = new BlockCensus { _left = loops.Count };
        foreach (BlockLoop loop in loops)
        {
            loop.Post(() => census.Count(loop));
        }

        return census._done.Task;
    }

    private void Count(BlockLoop loop)
    {
        lock (_loads)
        {
            foreach (BlockRequest request in loop.All.Where(request => request.IsWithBlock && !request.TakesTurns))
            {
                IBlock block = request.HeldAt?.Target ?? request.Where;
                NodeLoad load = _loads.GetValueOrDefault(block);
                _loads[block] = request.HeldAt is null ? load with { InFlight = load.InFlight + 1 } : load with { Waiting = load.Waiting + 1 };
            }

            if (--_left > 0)
            {
                return;
            }
        }

        _done.SetResult(_loads);
    }
}
