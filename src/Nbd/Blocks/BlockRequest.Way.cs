using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>
/// Its way from one block to the next, by edges that a drain may hold, and what tells afterwards where it is and by which way it has come.
/// None of this costs a request more than a branch while nobody drains.
/// </content>
public sealed partial class BlockRequest
{
    // Of a child: the edge by which it was started.
    private BlockEdge? _entry;

    /// <summary>The block that a filter handed it to last; null where it is still with the chain's first.</summary>
    internal IBlock? Holder { get; private set; }

    /// <summary>The block that has it, while it is in flight.</summary>
    internal IBlock Where => Holder ?? _graph!.Top;

    /// <summary>The edge at which it waits for the end of a drain; null where it does not.</summary>
    internal BlockEdge? HeldAt { get; set; }

    /// <summary>It waits for its turn before its graph's first edge, or has it, and then a child is behind that edge in its place.</summary>
    internal bool TakesTurns { get; set; }

    /// <summary>The request of a client that it is a part of; itself where it is one.</summary>
    internal BlockRequest Root => Parent?.Root ?? this;

    /// <summary>The graph that it was started in.</summary>
    internal BlockGraph? Graph => _graph;

    /// <summary>Who waits for its end; null in steady state.</summary>
    internal DrainTicket? Tickets { get; set; }

    /// <summary>
    /// Hands the request on, to the block behind an edge, which completes it in the caller's place: what a filter does that need not hear of the end. Where a
    /// drain holds the edge, it waits there. On the loop's thread.
    /// </summary>
    public void PassTo(BlockEdge next)
    {
        if (!next.IsGated || !next.Hold(this))
        {
            ResumeAt(next);
        }
    }

    /// <summary>
    /// Starts a child on the block behind an edge. Its owner hears of its completion exactly once, possibly before this returns. On the loop's thread.
    /// </summary>
    /// <exception cref="InvalidOperationException">It leaves the block, or is no multiple of its smallest size: the filter is wrong.</exception>
    public void StartOn(BlockEdge next)
    {
        IBlock block = next.Target;
        if (Offset > block.Size || Length > block.Size - Offset || ((Offset | Length) & (block.Constraints.Minimum - 1)) != 0)
        {
            throw new InvalidOperationException($"{Text()} was asked of {block.Describe()}, whose {block.Size} bytes it does not fit");
        }

        MarkStarted(Parent!._graph!, inFlight: null);
        _entry = next;
        PassTo(next);
    }

    /// <summary>The gate sends it into the graph, or it waits before that.</summary>
    internal void EnterAt(BlockEdge top)
    {
        if (!top.IsGated || !top.Hold(this))
        {
            Enter(top.Target);
        }
    }

    /// <summary>Goes on behind an edge, whether that is held or not.</summary>
    internal void ResumeAt(BlockEdge edge)
    {
        IBlock block = edge.Target;
        Holder = block;
        Enter(block);
    }

    /// <summary>True where it is a child that was started on the block behind this edge.</summary>
    internal bool IsFor(BlockEdge edge) => _entry == edge;

    /// <summary>True where one of the edges lies on the way that it has come: from its graph's first edge, or a child from where it was started.</summary>
    internal bool PathCrosses(BlockEdge[] edges)
    {
        if (TakesTurns)
        {
            return false;
        }

        for (BlockEdge? edge = _entry ?? _graph!.Edge; edge is not null && edge != HeldAt; edge = (edge.Target as BlockFilter)?.NextEdge)
        {
            if (Array.IndexOf(edges, edge) >= 0)
            {
                return true;
            }

            if (Holder is null || edge.Target == Holder)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Calls a block's start. One that runs out of memory has not begun the request, so that is its error.</summary>
    private void Enter(IBlock block)
    {
        try
        {
            block.Start(this);
        }
        catch (OutOfMemoryException) when (IsStarted)
        {
            Complete(Errno.ENOMEM);
        }
    }
}
