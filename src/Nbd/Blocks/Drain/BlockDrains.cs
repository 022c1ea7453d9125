namespace Harness.Nbd;

/// <summary>
/// Begins drained sections in a server's graph, and knows those that are there. A drain holds the edges that lead to a node, or those of exports: what comes
/// there waits, connections stay, and everything else goes on. Any thread may call, also from inside the completion of a request that will be drained itself:
/// nothing here waits.
/// </summary>
public sealed class BlockDrains
{
    private readonly BlockNodes _nodes;

    private readonly IReadOnlyList<BlockLoop> _loops;

    internal BlockDrains(BlockNodes nodes, IReadOnlyList<BlockLoop> loops)
    {
        _nodes = nodes;
        _loops = loops;
    }

    /// <summary>The sections that have begun and not ended, oldest first.</summary>
    public IReadOnlyList<DrainSection> Sections
    {
        get
        {
            lock (Sync)
            {
                return [.. Active];
            }
        }
    }

    /// <summary>Nanoseconds on the clock of the server's first loop.</summary>
    public long NowNs => _loops[0].Loop.NowNs;

    /// <summary>The loops on which requests live: the server's, then those that stores have beside them, as many as there are now.</summary>
    internal IReadOnlyList<BlockLoop> Loops => [.. _loops, .. _nodes.OwnLoops];

    /// <summary>Held while a section begins or ends and while the graph changes; briefly, and never while something is waited for.</summary>
    internal Lock Sync { get; } = new();

    internal List<DrainSection> Active { get; } = [];

    /// <summary>Makes the gate of an edge on a loop. Tests put in one that is wrong, to see that they find it.</summary>
    internal Func<BlockEdge, BlockLoop, EdgeGate> MakeGate { get; set; } = (edge, home) => new EdgeGate(edge, home);

    /// <summary>Holds a node: all edges that lead to it, those too that come to lead to it meanwhile.</summary>
    public DrainSection Begin(BlockNode node, DrainOptions? options = null) => Begin(node.Id ?? node.Block.Name, node, () => node.Parents, options);

    /// <summary>Holds one export at its top; other exports of the same nodes go on.</summary>
    public DrainSection Begin(BlockGraph export, DrainOptions? options = null) => Begin(export.Edge, options);

    /// <summary>Holds every export at its top, and every background job, so that nothing is in flight in any block, and nothing waits between two.</summary>
    public DrainSection BeginAll(DrainOptions? options = null) =>
        Begin(DrainSection.All, null, () => _nodes.Exports.Concat(_nodes.Sources).Select(graph => graph.Edge), options);

    /// <summary>
    /// How many requests each block has now, and how many wait before it. A block that has none is not there. Never completes on a loop's thread.
    /// </summary>
    public Task<IReadOnlyDictionary<IBlock, NodeLoad>> CountAsync() => BlockCensus.Take(Loops);

    /// <summary>
    /// A background job begins to put requests into the graph by a way of its own. Who holds the node that it leads to, or all, holds the job too.
    /// </summary>
    /// <param name="source">Leads to a node of the graph; its requests begin after what is posted to the loops here.</param>
    internal void AddSource(BlockGraph source)
    {
        lock (Sync)
        {
            _nodes.AddSource(source);
            foreach (DrainSection section in Active.Where(section => section.IsOfAll || section.Node?.Block == source.Top).ToArray())
            {
                section.Add(source.Edge);
            }
        }
    }

    /// <summary>
    /// An export comes into the graph while the server serves: where all is held, it is too. Its requests begin after what is posted to the loops here.
    /// </summary>
    internal void AddExport(string name, BlockGraph export)
    {
        lock (Sync)
        {
            _nodes.AddExport(name, export);
            ThreadModels.JoinTurns(export);
            foreach (DrainSection section in Active.Where(section => section.IsOfAll || section.Node?.Block == export.Top).ToArray())
            {
                section.Add(export.Edge);
            }
        }
    }

    internal DrainSection Begin(BlockEdge edge, DrainOptions? options) => Begin(edge.OwnerName, null, () => [edge], options);

    private DrainSection Begin(string what, BlockNode? node, Func<IEnumerable<BlockEdge>> edges, DrainOptions? options)
    {
        lock (Sync)
        {
            var section = new DrainSection(this, what, node, edges(), options ?? new DrainOptions());
            Active.Add(section);
            section.Begin();
            return section;
        }
    }
}
