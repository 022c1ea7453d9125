namespace Harness.Nbd;

/// <summary>
/// The way from a parent, a filter or the gate of an export, to the block behind it. It may be closed for a drain, and then requests wait at it in their order;
/// what it leads to changes only while it is closed, so those that waited go on to whatever stands there then. While no drain holds it, it costs a request one
/// branch on one field.
/// </summary>
public sealed class BlockEdge
{
    // Null in steady state. Set while a drain holds the edge anywhere, and for a moment after. Volatile, because loops look at it while another thread sets it:
    // where IsGated and GateOf came into one method, the compiler of .NET 10.0.12 read the field twice and let the test of the first reading stand for that of
    // the second, which a drain's end had made null by then.
    private volatile EdgeGate[]? _gates;
    private int _holds;
    private Belonging _belonging;

    internal BlockEdge(object owner, IBlock target)
    {
        Owner = owner;
        Target = target;
    }

    /// <summary>Whose disposal ends the block behind the edge.</summary>
    private enum Belonging
    {
        /// <summary>The edge is in no graph yet; what is behind it goes with it, unless it is in a graph already.</summary>
        Alone,

        /// <summary>It is one of the parents of what is behind it, and the last parent takes that along.</summary>
        Joined,

        /// <summary>It has been taken out of the graph, and what is behind it is no longer its business.</summary>
        Left,
    }

    /// <summary>The block behind it.</summary>
    public IBlock Target { get; private set; }

    /// <summary>The filter that the edge belongs to; null where it is an export's.</summary>
    public BlockFilter? Filter => Owner as BlockFilter;

    /// <summary>The export's gate that the edge belongs to; null where it is a filter's.</summary>
    public BlockGraph? Graph => Owner as BlockGraph;

    /// <summary>For messages: the ID or the name of the filter, or that of the export.</summary>
    public string OwnerName => Filter is { } filter ? BlockNode.NameOf(filter) : Graph!.Title;

    /// <summary>True while a drain holds it or has just let go of it.</summary>
    internal bool IsGated => _gates is not null;

    private object Owner { get; }

    /// <summary>
    /// Opens what is behind it, where nobody has opened that yet. Any thread; where the graph changes at the same moment, what stands there then is opened.
    /// </summary>
    /// <exception cref="IOException">It cannot be opened; the message is one line.</exception>
    public void Open()
    {
        while (_belonging != Belonging.Left && !BlockNode.Of(Target).TryOpen())
        {
            // It has just been replaced and disposed of.
        }
    }

    /// <summary>A request that comes while the edge is closed waits at it. On the thread of the request's loop.</summary>
    /// <returns>True where it waits; the gate starts it later.</returns>
    internal bool Hold(BlockRequest request) => GateOf(request.Home) is { } gate && gate.Hold(request);

    /// <summary>The gate of one loop, where a drain holds the edge. On that loop's thread.</summary>
    internal EdgeGate? GateOf(BlockLoop home)
    {
        // Someone may have a loop for a while that no drain knows of, as who looks for a partition has.
        EdgeGate[]? gates = _gates;
        if (gates is null)
        {
            return null;
        }

        // Those of the server's loops stand first, by the loops' numbers.
        if (home.Index < gates.Length && gates[home.Index].Home == home)
        {
            return gates[home.Index];
        }

        foreach (EdgeGate gate in gates)
        {
            if (gate.Home == home)
            {
                return gate;
            }
        }

        return null;
    }

    /// <summary>A drain is going to close the edge: there is a gate for each loop from now on. Under the lock of the drains.</summary>
    internal void AddHold(IReadOnlyList<BlockLoop> loops, Func<BlockEdge, BlockLoop, EdgeGate> makeGate)
    {
        _holds++;
        EdgeGate[] known = _gates ?? [];
        EdgeGate[] more = [.. loops.Where(loop => !Array.Exists(known, gate => gate.Home == loop)).Select(loop => makeGate(this, loop))];
        if (more.Length > 0)
        {
            _gates = [.. known, .. more];
        }
    }

    /// <summary>A drain has opened its hold on every loop. Under the lock of the drains.</summary>
    internal void RemoveHold()
    {
        if (--_holds == 0)
        {
            // A loop that does not see this yet finds an open gate.
            _gates = null;
        }
    }

    /// <summary>It becomes a parent of what is behind it, and so do the edges behind that. Does nothing the second time.</summary>
    internal void Join()
    {
        for (BlockEdge? edge = this; edge is { _belonging: Belonging.Alone }; edge = (edge.Target as BlockFilter)?.NextEdge)
        {
            edge._belonging = Belonging.Joined;
            BlockNode.Of(edge.Target).AddParent(edge);
        }
    }

    /// <summary>Leads to another block from now on. While it is closed, with nothing in flight behind it that came by it.</summary>
    internal void Retarget(IBlock target)
    {
        BlockNode.Of(Target).RemoveParent(this);
        Target = target;
        BlockNode.Of(target).AddParent(this);
    }

    /// <summary>Its owner has been taken out of the graph. What is behind it stays as it is, and for a while requests may look there.</summary>
    internal void Leave()
    {
        if (_belonging == Belonging.Joined)
        {
            BlockNode.Of(Target).RemoveParent(this);
        }

        _belonging = Belonging.Left;
    }

    /// <summary>Its owner is disposed of: so is what is behind it, where nobody else needs that.</summary>
    internal void LetGo()
    {
        Belonging before = _belonging;
        Leave();
        if (before != Belonging.Left)
        {
            BlockNode.Of(Target).DisposeIfUnneeded();
        }
    }
}
