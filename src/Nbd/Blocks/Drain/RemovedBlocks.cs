namespace Harness.Nbd;

/// <summary>
/// Blocks that have left the graph. Replies that are still to be sent may point into their memory, and another loop may be asking one for the state of a range
/// at this moment; so they are disposed of when every loop has come round once, and every request that held an answer then has been released, or a part of one.
/// </summary>
internal static class RemovedBlocks
{
    /// <summary>Returns at once; the task completes when all are disposed of.</summary>
    public static Task Dispose(IReadOnlyList<BlockNode> nodes, BlockDrains drains)
    {
        if (nodes.Count == 0)
        {
            return Task.CompletedTask;
        }

        var unused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IReadOnlyList<BlockLoop> loops = drains.Loops;
        int left = loops.Count;
        foreach (BlockLoop loop in loops)
        {
            var tickets = new TicketCount(loop, LoopIsThrough);
            loop.Post(() => Begin(loop, tickets));
        }

        return unused.Task.ContinueWith(_ => DisposeAll(nodes), TaskScheduler.Default);

        void Begin(BlockLoop loop, TicketCount tickets)
        {
            foreach (BlockRequest request in loop.All.Where(request => request.HoldsExtents))
            {
                // A part's answer becomes its parent's, and so on up to the request that a client waits for, which is released last.
                DrainTicket.Add(request.Root, tickets, untilRelease: true);
            }

            if (tickets.Left == 0)
            {
                LoopIsThrough();
            }
        }

        void LoopIsThrough()
        {
            if (Interlocked.Decrement(ref left) == 0)
            {
                unused.SetResult();
            }
        }
    }

    private static void DisposeAll(IReadOnlyList<BlockNode> nodes)
    {
        foreach (BlockNode node in nodes)
        {
            node.Dispose();
        }
    }
}
