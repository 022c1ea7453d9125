using System.Globalization;
using System.Security;
using System.Text;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Ctl;

/// <summary>
/// The graph as a picture: exports at the top, stores at the bottom, shared nodes where their lines meet. Light or dark, as the reader has it.
/// </summary>
internal static class GraphSvg
{
    private const int BoxWidth = 210;
    private const int BoxHeight = 54;
    private const int ColumnWidth = 240;
    private const int RowHeight = 98;
    private const int Margin = 24;

    // What fits into a box, in letters of one width.
    private const int TextLetters = 29;

    private const string Style =
        """
        text { font: 12px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif; fill: #1d2430; text-anchor: middle }
        .name { font-weight: 600; font-size: 13px } .text { font: 11px ui-monospace, "DejaVu Sans Mono", monospace; fill: #566074 }
        rect { stroke-width: 1.5; fill: #f6f7f9; stroke: #a9b1bf } .export { fill: #e8f0fe; stroke: #5b8def } .store { fill: #e9f6ec; stroke: #58a36c }
        .held { fill: #fdf1dc; stroke: #d9962b } .badge { fill: #d9962b; stroke: none } .badge-text { fill: #fff; font-size: 10px; font-weight: 600 }
        path { fill: none; stroke: #8b94a5; stroke-width: 1.5 } .copies { stroke-dasharray: 5 4 }
        .arrow { fill: #8b94a5; stroke: none } .paper { fill: #fff; stroke: none }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6e9ef } .text { fill: #a4adbd } .paper { fill: #14181f } rect { fill: #232a35; stroke: #566074 }
          .export { fill: #1c2b47; stroke: #5b8def } .store { fill: #1d3325; stroke: #58a36c } .held { fill: #3d3018; stroke: #d9962b }
        }
        """;

    public static string Of(GraphDocument graph)
    {
        List<Box> boxes = Place(graph);
        int width = (2 * Margin) + boxes.Select(box => (int)box.Middle + (ColumnWidth / 2)).DefaultIfEmpty(ColumnWidth).Max();
        int height = (2 * Margin) + boxes.Select(box => (box.Row * RowHeight) + BoxHeight).DefaultIfEmpty(BoxHeight).Max();
        var svg = new StringBuilder(
            $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">""");
        svg.Append("\n<title>The block graph of a harness server</title>\n<style>\n").Append(Style).Append("\n</style>\n");
        svg.Append("""<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">""");
        svg.Append("""<polygon class="arrow" points="0,0 8,4 0,8"/></marker></defs>""");
        svg.Append($"\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n");
        foreach (Box box in boxes)
        {
            AppendLine(svg, box, boxes.Find(other => other.Id is not null && other.Id == box.Next), "way");
            AppendLine(svg, box, boxes.Find(other => other.Id is not null && other.Id == box.CopiesTo), "copies");
        }

        boxes.ForEach(box => AppendBox(svg, box));
        return svg.Append("</svg>\n").ToString();
    }

    private static List<Box> Place(GraphDocument graph)
    {
        // A column for each way in; a node stands in the middle of those that lead to it, and below all of them.
        Dictionary<string, Box> nodes = graph.Nodes.ToDictionary(node => node.Id, node => new Box(node));
        List<Box> boxes = [];
        foreach (GraphExport export in graph.SortedExports())
        {
            boxes.Add(new Box(export) { Left = boxes.Count, Right = boxes.Count });
        }

        foreach (Box box in graph.Unused().Select(node => nodes[node.Id]))
        {
            (box.Left, box.Right, box.Row) = (boxes.Count, boxes.Count, 1);
            boxes.Add(box);
        }

        foreach (Box root in boxes.ToArray())
        {
            // Exports come first, so the place of whoever copies to this one is known.
            root.Row = graph.CopierTo(root.Id) is { } copier ? nodes[copier.Id].Row + 1 : root.Row;
            int row = root.Row;
            foreach (Box box in graph.ChainFrom(root.Next).Select(node => nodes[node.Id]))
            {
                box.Row = Math.Max(box.Row, ++row);
                box.Left = Math.Min(box.Left, root.Left);
                box.Right = Math.Max(box.Right, root.Right);
                row = box.Row;
            }
        }

        boxes.AddRange(nodes.Values.Where(box => box.Right >= 0 && !boxes.Contains(box)));
        return boxes;
    }

    private static void AppendLine(StringBuilder svg, Box from, Box? to, string kind)
    {
        if (to is null)
        {
            return;
        }

        int top = Margin + (from.Row * RowHeight) + BoxHeight;
        int end = Margin + (to.Row * RowHeight) - 1;
        int bend = end - ((RowHeight - BoxHeight) / 2);
        string path = from.Middle == to.Middle
            ? $"M{Text(Margin + from.Middle)} {top}V{end}"
            : $"M{Text(Margin + from.Middle)} {top}V{bend - 20}C{Text(Margin + from.Middle)} {end - 4} {Text(Margin + to.Middle)} {bend - 20} {Text(Margin + to.Middle)} {end}";
        svg.Append($"<path class=\"{kind}\" d=\"{path}\" marker-end=\"url(#arrow)\"/>\n");
    }

    private static void AppendBox(StringBuilder svg, Box box)
    {
        string kind = box.HeldBy.Count > 0 ? "held" : box.Kind;
        string x = Text(Margin + box.Middle - (BoxWidth / 2));
        int y = Margin + (box.Row * RowHeight);
        string middle = Text(Margin + box.Middle);
        svg.Append($"<g><title>{Escape(box.Tip)}</title><rect class=\"{kind}\" x=\"{x}\" y=\"{y}\" width=\"{BoxWidth}\" height=\"{BoxHeight}\" rx=\"{(box.Kind == "export" ? 27 : 8)}\"/>");
        svg.Append($"<text class=\"name\" x=\"{middle}\" y=\"{y + 23}\">{Escape(Short(box.Name))}</text>");
        svg.Append($"<text class=\"text\" x=\"{middle}\" y=\"{y + 41}\">{Escape(Short(box.Line))}</text>");
        if (box.HeldBy.Count > 0)
        {
            svg.Append($"<rect class=\"badge\" x=\"{Text(Margin + box.Middle + (BoxWidth / 2) - 44)}\" y=\"{y - 8}\" width=\"40\" height=\"16\" rx=\"8\"/>");
            svg.Append($"<text class=\"badge-text\" x=\"{Text(Margin + box.Middle + (BoxWidth / 2) - 24)}\" y=\"{y + 4}\">held</text>");
        }

        svg.Append("</g>\n");
    }

    private static string Text(double number) => number.ToString("0.#", CultureInfo.InvariantCulture);

    private static string Short(string text) => text.Length <= TextLetters ? text : $"{text[..(TextLetters - 1)]}…";

    private static string Escape(string text) => SecurityElement.Escape(text);

    /// <summary>What is drawn as a box.</summary>
    private sealed class Box
    {
        public Box(GraphExport export)
        {
            Kind = "export";
            Name = export.Name.Length == 0 ? "default export" : export.Name;
            Line = $"{Units.FormatSize(export.SizeBytes)}, {export.Clients} {(export.Clients == 1 ? "client" : "clients")}";
            Tip = $"export '{export.Name}': {Line}, {export.ThreadModel}{(export.ReadOnly ? ", read-only" : string.Empty)}{Held(export.HeldBy)}";
            Next = export.Top;
            HeldBy = export.HeldBy;
        }

        public Box(GraphNode node)
        {
            Kind = node.Next is null || StoreCatalog.All.Any(kind => kind.Name == node.Block) ? "store" : "filter";
            Id = node.Id;
            Name = node.Id;
            Line = node.Text;
            string copies = node.CopiesTo is { } target ? $"; copies to {target}" : string.Empty;
            Tip = $"{node.Id}: {node.Text}, {Units.FormatSize(node.SizeBytes)}{copies}{Held(node.HeldBy)}";
            Next = node.Next;
            CopiesTo = node.CopiesTo;
            HeldBy = node.HeldBy;
        }

        public string Kind { get; }
        public string? Id { get; }
        public string Name { get; }
        public string Line { get; }
        public string Tip { get; }
        public string? Next { get; }
        public string? CopiesTo { get; }
        public IReadOnlyList<string> HeldBy { get; }

        public int Row { get; set; }

        /// <summary>The first and the last column of those that lead to it.</summary>
        public int Left { get; set; } = int.MaxValue;
        public int Right { get; set; } = -1;

        /// <summary>In the picture, from its left margin.</summary>
        public double Middle => (ColumnWidth * (Left + Right) / 2.0) + (ColumnWidth / 2.0);

        private static string Held(IReadOnlyList<string> by) => by.Count == 0 ? string.Empty : $"; held by {string.Join(", ", by)}";
    }
}
