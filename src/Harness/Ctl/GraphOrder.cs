namespace Harness.Ctl;

/// <summary>
/// The order in which exports are drawn: those that share nodes stand side by side. Every node leads to one other at most, so the graph is trees that grow from
/// the stores, and drawn in this order no two of its lines cross.
/// </summary>
internal static class GraphOrder
{
    /// <summary>The nodes from one on, to the store.</summary>
    public static IEnumerable<GraphNode> ChainFrom(this GraphDocument graph, string? id)
    {
        // As many steps as there are nodes: a document that was cut or altered may lead in a circle.
        GraphNode? node = graph.Find(id);
        for (int steps = 0; node is not null && steps < graph.Nodes.Count; steps++, node = graph.Find(node.Next))
        {
            yield return node;
        }
    }

    /// <summary>The node of an ID, or null.</summary>
    public static GraphNode? Find(this GraphDocument graph, string? id) => graph.Nodes.FirstOrDefault(node => node.Id == id);

    /// <summary>The filter of the copy that a node is the target of, or null.</summary>
    public static GraphNode? CopierTo(this GraphDocument graph, string? id) => id is null ? null : graph.Nodes.FirstOrDefault(node => node.CopiesTo == id);

    /// <summary>The exports, sorted.</summary>
    public static IReadOnlyList<GraphExport> SortedExports(this GraphDocument graph)
    {
        // From the store's side, by where each node appears first.
        Dictionary<string, int> ranks = [];
        foreach (GraphExport export in graph.Exports)
        {
            foreach (GraphNode node in graph.ChainFrom(export.Top).Reverse())
            {
                ranks.TryAdd(node.Id, ranks.Count);
            }
        }

        int[] RanksOf(string top) => [.. graph.ChainFrom(top).Reverse().Select(node => ranks[node.Id])];
        return [.. graph.Exports.OrderBy(export => RanksOf(export.Top), Comparer<int[]>.Create(Compare))];
    }

    /// <summary>Nodes that no export leads to, which only an ID of their own keeps, or that they are being copied to.</summary>
    public static IEnumerable<GraphNode> Unused(this GraphDocument graph)
    {
        HashSet<string> used = [.. graph.Exports.Select(export => export.Top), .. graph.Nodes.Select(node => node.Next).OfType<string>()];
        return graph.Nodes.Where(node => !used.Contains(node.Id));
    }

    private static int Compare(int[] one, int[] other)
    {
        for (int i = 0; i < Math.Min(one.Length, other.Length); i++)
        {
            if (one[i] != other[i])
            {
                return one[i].CompareTo(other[i]);
            }
        }

        return one.Length.CompareTo(other.Length);
    }
}
