namespace Harness.Nbd;

/// <summary>What a change of the graph has done.</summary>
/// <param name="Added">IDs of the nodes that it brought, from the client's side on.</param>
/// <param name="Removed">IDs of the nodes that have left the graph.</param>
/// <param name="QuietNs">How long it took until nothing was in flight there, in nanoseconds.</param>
/// <param name="Disposed">
/// Completes when the removed blocks have been disposed of, which waits until no reply that is still to be sent points into their memory.
/// </param>
public sealed record GraphChange(IReadOnlyList<string> Added, IReadOnlyList<string> Removed, long QuietNs, Task Disposed);

/// <summary>A change that has been thought through and whose new blocks are open, before anything is held for it.</summary>
internal sealed class ChangePlan
{
    /// <summary>For messages: <c>replace memory0</c>.</summary>
    public required string What { get; init; }

    /// <summary>What leads elsewhere afterwards.</summary>
    public required IReadOnlyList<BlockEdge> Edges { get; init; }

    /// <summary>Where to.</summary>
    public required IBlock Top { get; init; }

    /// <summary>The node that the change takes out, even where it was to be kept; null where it stays.</summary>
    public BlockNode? Gone { get; init; }

    /// <summary>The ID that the first new node gets; null to make one up.</summary>
    public string? Id { get; init; }

    /// <summary>
    /// Complains where the change cannot be. What filters have found out about the block behind them when they were made must still hold, so an edge goes on
    /// leading to as many bytes, in blocks no larger.
    /// </summary>
    /// <exception cref="BlockException">It cannot be; the message is one line.</exception>
    public void Check()
    {
        foreach (BlockEdge edge in Edges)
        {
            BlockSizeConstraints before = edge.Target.Constraints;
            BlockSizeConstraints after = Top.Constraints;
            if (Top.Size != edge.Target.Size)
            {
                throw Refused($"'{Top.Describe()}' has {Top.Size} bytes, and what {edge.OwnerName} leads to has {edge.Target.Size}; the size must stay");
            }

            if (edge.Filter is not null && (after.Minimum > before.Minimum || after.MaximumPayload < before.MaximumPayload))
            {
                throw Refused($"the block sizes of '{Top.Describe()}' are tighter than those that {edge.OwnerName} was made for");
            }

            if (Behind(Top).Any(next => next.Edge == edge))
            {
                throw Refused($"'{Top.Describe()}' leads back to {edge.OwnerName}, a circle");
            }
        }

        if (Behind(Top).Count() + Edges.Select(Above).DefaultIfEmpty().Max() > BlockChain.MaxFilters)
        {
            throw Refused($"a chain has at most {BlockChain.MaxFilters} filters");
        }
    }

    /// <summary>One line.</summary>
    public BlockException Refused(string why) => new($"{What}: {why}");

    /// <summary>The exports that an edge belongs to.</summary>
    public static IEnumerable<BlockGraph> ExportsOf(BlockEdge edge) => GraphsOf(edge).Where(graph => !graph.BacksStores).Distinct();

    /// <summary>The exports that an edge belongs to, and before them the chains behind stores of theirs that it is a part of.</summary>
    public static IEnumerable<BlockGraph> GraphsOf(BlockEdge edge) => edge.Graph is { } graph
        ? graph.Users.SelectMany(store => BlockNode.Of(store).Parents).SelectMany(GraphsOf).Prepend(graph)
        : BlockNode.Of(edge.Filter!).Parents.SelectMany(GraphsOf);

    private static IEnumerable<(IBlock Block, BlockEdge Edge)> Behind(IBlock top)
    {
        for (IBlock block = top; block.Behind is { } edge; block = edge.Target)
        {
            yield return (block, edge);
        }
    }

    private static int Above(BlockEdge edge)
    {
        IEnumerable<IBlock> before = edge.Filter is { } filter ? [filter] : edge.Graph!.Users;
        return before.Select(block => 1 + BlockNode.Of(block).Parents.Select(Above).DefaultIfEmpty().Max()).DefaultIfEmpty().Max();
    }
}
