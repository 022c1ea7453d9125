using System.Text.RegularExpressions;

namespace Harness.Nbd;

/// <summary>
/// All blocks of a server by their IDs: those that were given one, and those that got one made up, like <c>memory0</c>. Here <c>@ID</c> at the end of a chain
/// is a block that is there already. Any thread may ask; the graph changes by <see cref="GraphChanges"/>.
/// </summary>
public sealed partial class BlockNodes : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<BlockNode> _nodes = [];
    private readonly List<BlockGraph> _exports = [];
    private readonly List<BlockGraph> _sources = [];
    private readonly Dictionary<string, int> _madeUp = [];

    /// <summary>The nodes, in the order in which they came.</summary>
    public IReadOnlyList<BlockNode> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _nodes];
            }
        }
    }

    /// <summary>The exports, in the order in which they came.</summary>
    public IReadOnlyList<BlockGraph> Exports
    {
        get
        {
            lock (_lock)
            {
                return [.. _exports];
            }
        }
    }

    /// <summary>The ways by which background jobs put requests into the graph.</summary>
    internal IReadOnlyList<BlockGraph> Sources
    {
        get
        {
            lock (_lock)
            {
                return [.. _sources];
            }
        }
    }

    /// <summary>
    /// Loops besides the server's on which requests live: those of stores that ask something of the chain behind them by themselves.
    /// </summary>
    internal IReadOnlyList<BlockLoop> OwnLoops => [.. All.SelectMany(node => node.Parents).Select(edge => edge.Graph?.OwnLoop).OfType<BlockLoop>().Distinct()];

    /// <summary>Makes a chain whose first block gets an ID of its own; it stays, with or without parents, until it is removed.</summary>
    /// <param name="id">A letter, then letters, digits, <c>_</c>, <c>-</c> and dots; 64 in all.</param>
    /// <param name="chain">The chain.</param>
    /// <param name="readOnly">Its store is asked to take no more than reading needs.</param>
    /// <exception cref="BlockException">The ID or the chain is not right.</exception>
    public BlockNode Add(string id, string chain, bool readOnly = false)
    {
        CheckNew(id);
        IBlock top = Parse(chain, readOnly);
        if (BlockNode.Of(top).Id is { } known)
        {
            throw new BlockException($"'{chain}' is the node '{known}' itself, which cannot have a second ID") { IsUsage = true };
        }

        (top as BlockFilter)?.NextEdge.Join();
        BlockNode.Of(top).IsKept = true;
        Adopt(top, id);
        return BlockNode.Of(top);
    }

    /// <summary>As <see cref="BlockChain.Parse(string, bool, Func{string, IBlock})"/>, with these nodes for <c>@ID</c>.</summary>
    /// <exception cref="BlockException">The chain is not right.</exception>
    public IBlock Parse(string chain, bool readOnly = false) => BlockChain.Parse(chain, readOnly, id => Get(id).Block);

    /// <summary>The node of this ID.</summary>
    /// <exception cref="BlockException">There is none; the message says which there are.</exception>
    public BlockNode Get(string id)
    {
        IReadOnlyList<BlockNode> all = All;
        if (all.FirstOrDefault(node => node.Id == id) is { } found)
        {
            return found;
        }

        string[] known = [.. all.Select(node => node.Id!)];
        string which = known.Length == 0 ? "no node has been made yet" : $"there are {string.Join(", ", known)}";
        throw new BlockException($"there is no node '{id}'{NearestName.Suggestion(id, known)}; {which}") { IsUsage = true };
    }

    /// <summary>The export of this name.</summary>
    /// <exception cref="BlockException">There is none.</exception>
    public BlockGraph GetExport(string name)
    {
        IReadOnlyList<BlockGraph> all = Exports;
        if (all.FirstOrDefault(export => export.ExportName == name) is { } found)
        {
            return found;
        }

        string which = string.Join(", ", all.Select(export => $"'{export.ExportName}'"));
        throw new BlockException($"there is no export '{name}'; there are {which}") { IsUsage = true };
    }

    /// <summary>Disposes of those nodes that were given an ID and that nobody leads to. Nothing may be in flight.</summary>
    public void Dispose()
    {
        BlockNode[] kept = [.. All.Where(node => node.IsKept)];
        Array.ForEach(kept, node => node.IsKept = false);
        Array.ForEach(kept, node => node.DisposeIfUnneeded());
    }

    /// <summary>An export comes into the graph, and its blocks get IDs. Does nothing the second time.</summary>
    internal void AddExport(string name, BlockGraph graph)
    {
        lock (_lock)
        {
            if (_exports.Contains(graph))
            {
                return;
            }

            graph.ExportName = name;
            _exports.Add(graph);
        }

        Adopt(graph.Top, id: null);
    }

    /// <summary>The blocks of a chain get IDs, as far as they have none.</summary>
    /// <param name="top">The first of them.</param>
    /// <param name="id">Its ID; null to make one up.</param>
    /// <returns>The nodes that are new.</returns>
    internal IReadOnlyList<BlockNode> Adopt(IBlock top, string? id)
    {
        List<BlockNode> added = [];
        lock (_lock)
        {
            // The chain behind a store may have left the graph with another store, and now comes back; it keeps its IDs where they are free.
            bool isBehindStore = false;
            for (BlockNode? node = BlockNode.Of(top); node is not null && (isBehindStore ? !_nodes.Contains(node) : node.Id is null); node = node.Next)
            {
                isBehindStore |= node.Block is not BlockFilter;
                if (node.Id is null || id is not null || _nodes.Exists(other => other.Id == node.Id))
                {
                    node.Id = id ?? MakeUp(node.Block.Name);
                }

                id = null;
                _nodes.Add(node);
                added.Add(node);
            }
        }

        return added;
    }

    /// <summary>A background job begins. Under the lock of the drains.</summary>
    internal void AddSource(BlockGraph source)
    {
        lock (_lock)
        {
            _sources.Add(source);
        }
    }

    /// <summary>A background job has ended: nothing of it is in flight.</summary>
    internal void RemoveSource(BlockGraph source)
    {
        lock (_lock)
        {
            _sources.Remove(source);
        }

        source.Dispose();
    }

    /// <summary>An export has left the graph, which nothing is in flight in, and its blocks with it.</summary>
    internal void RemoveExport(BlockGraph graph)
    {
        lock (_lock)
        {
            _exports.Remove(graph);
        }

        for (BlockNode? node = BlockNode.Of(graph.Top); node is { Parents.Count: < 2, IsKept: false }; node = node.Block is BlockFilter ? node.Next : null)
        {
            Forget(node);
        }
    }

    /// <summary>A chain in which no store keeps its data any more, as far as nobody else leads to its blocks.</summary>
    internal void ForgetChain(BlockGraph chain)
    {
        for (BlockNode? node = BlockNode.Of(chain.Top); node is { Parents.Count: < 2, IsKept: false }; node = node.Next)
        {
            Forget(node);
        }
    }

    /// <summary>A node has left the graph.</summary>
    internal void Forget(BlockNode node)
    {
        lock (_lock)
        {
            _nodes.Remove(node);
        }
    }

    /// <summary>Complains about an ID that cannot be given.</summary>
    /// <exception cref="BlockException">It is no ID, or another node has it.</exception>
    internal void CheckNew(string id)
    {
        if (!IdForm().IsMatch(id))
        {
            throw new BlockException($"'{id}' is no ID: write a letter, then letters, digits, '_', '-' and dots, at most 64 in all") { IsUsage = true };
        }

        if (All.Any(node => node.Id == id))
        {
            throw new BlockException($"there is a node '{id}' already; choose another ID") { IsUsage = true };
        }
    }

    /// <summary>The first that is free, from where the last was made up: an ID that was made up once is not made up again.</summary>
    private string MakeUp(string name)
    {
        string id;
        do
        {
            int number = _madeUp.GetValueOrDefault(name);
            _madeUp[name] = number + 1;
            id = $"{name}{number}";
        }
        while (_nodes.Exists(node => node.Id == id));
        return id;
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
    private static partial Regex IdForm();
}
