using System.Text;
using Harness.Matrix;

namespace Harness.Ctl;

/// <summary>
/// The graph as a tree of text: a branch for each export, from the client's side to the store; of a node that is shared, what follows is printed once.
/// </summary>
internal static class GraphText
{
    public static string Of(GraphDocument graph)
    {
        var text = new StringBuilder();
        int width = graph.Nodes.Select(node => node.Id.Length).DefaultIfEmpty(0).Max();
        HashSet<string> printed = [];
        foreach (GraphExport export in graph.SortedExports())
        {
            text.Append($"export '{export.Name}'  {Facts(export)}\n");
            AppendChain(text, graph, export.Top, width, printed);
        }

        foreach (GraphNode node in graph.Unused())
        {
            text.Append(graph.CopierTo(node.Id) is { } copier ? $"what {copier.Id} copies to, in no export yet\n" : "in no export\n");
            AppendChain(text, graph, node.Id, width, printed);
        }

        return text.ToString();
    }

    private static void AppendChain(StringBuilder text, GraphDocument graph, string top, int width, HashSet<string> printed)
    {
        int depth = 0;
        foreach (GraphNode node in graph.ChainFrom(top))
        {
            text.Append(' ', depth * 3).Append("└─ ");
            if (!printed.Add(node.Id))
            {
                text.Append($"{node.Id}, as above\n");
                return;
            }

            text.Append($"{node.Id.PadRight(Math.Max(node.Id.Length, width - (depth * 3)))}  {node.Text}{Held(node.HeldBy)}\n");
            depth++;
        }
    }

    private static string Facts(GraphExport export)
    {
        string clients = export.Clients == 1 ? "1 client" : $"{export.Clients} clients";
        string readOnly = export.ReadOnly ? ", read-only" : string.Empty;
        return $"{Units.FormatSize(export.SizeBytes)}, {export.ThreadModel}{readOnly}, {clients}{Held(export.HeldBy)}";
    }

    private static string Held(IReadOnlyList<string> by) => by.Count == 0 ? string.Empty : $"  [held by {string.Join(", ", by)}]";
}
