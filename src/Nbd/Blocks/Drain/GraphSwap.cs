namespace Harness.Nbd;

/// <summary>The moment of a change: everything that the plan touches is held and quiet.</summary>
internal sealed class GraphSwap(ChangePlan plan, BlockNodes nodes, BlockDrains drains)
{
    private readonly List<BlockNode> _removed = [];

    /// <summary>The nodes that have come.</summary>
    public IReadOnlyList<BlockNode> Added { get; private set; } = [];

    /// <summary>The nodes that have gone; nobody leads to them any more.</summary>
    public IReadOnlyList<BlockNode> Removed => _removed;

    /// <exception cref="BlockException">Clients would lose what they were promised; nothing has changed.</exception>
    public void Do()
    {
        lock (drains.Sync)
        {
            IBlock[] before = [.. plan.Edges.Select(edge => edge.Target)];
            foreach (BlockEdge edge in plan.Edges)
            {
                edge.Retarget(plan.Top);
            }

            BlockGraph[] exports = [.. plan.Edges.SelectMany(ChangePlan.GraphsOf).Distinct()];
            foreach (BlockGraph export in exports)
            {
                if (!export.KeepsPromises(out string problem))
                {
                    for (int i = 0; i < before.Length; i++)
                    {
                        plan.Edges[i].Retarget(before[i]);
                    }

                    throw plan.Refused(problem);
                }
            }

            Array.ForEach(exports, export => export.FollowChange());
            Settle(before);
        }
    }

    private void Settle(IBlock[] before)
    {
        List<BlockEdge> led = [.. plan.Edges];
        for (IBlock block = plan.Top; BlockNode.Of(block).Id is null && block.Behind is { } edge; block = edge.Target)
        {
            led.Add(edge);
        }

        (plan.Top as BlockFilter)?.NextEdge.Join();
        TakeOut(before);
        bool keeps = plan.Gone is { IsKept: true };
        if (plan.Gone is { } gone)
        {
            gone.IsKept = false;
            TakeOut([gone.Block]);
        }

        Added = nodes.Adopt(plan.Top, plan.Id);
        if (keeps && plan.Id is not null && Added.Count > 0)
        {
            Added[0].IsKept = true;
        }

        // Whoever holds a node holds what has taken its ID, and every way to it.
        foreach (DrainSection section in drains.Active.Where(section => section.Node is not null && section.Node == plan.Gone && plan.Id is not null))
        {
            section.Node = BlockNode.Of(plan.Top);
        }

        foreach (BlockEdge edge in led)
        {
            foreach (DrainSection section in drains.Active.Where(section => section.Node?.Block == edge.Target).ToArray())
            {
                section.Add(edge);
            }
        }
    }

    private void TakeOut(IEnumerable<IBlock> blocks)
    {
        foreach (IBlock block in blocks)
        {
            for (BlockNode? node = BlockNode.Of(block); node is not null && node.IsUnneeded && !_removed.Contains(node); node = node.Next)
            {
                _removed.Add(node);
                nodes.Forget(node);
                (node.Block as BlockFilter)?.NextEdge.Leave();
                if (node.Block.Behind?.Graph is { IsKept: false } chain && chain.Users.All(store => _removed.Contains(BlockNode.Of(store))))
                {
                    // It ends with its last store.
                    nodes.ForgetChain(chain);
                }
            }
        }
    }
}
