using System.Xml.Linq;
using Harness.Ctl;

namespace Harness.Tests;

/// <summary>How a server's graph is printed and drawn.</summary>
public class CtlGraphTests
{
    private static readonly GraphDocument s_shared = new()
    {
        Exports = [Export("", "delay0"), Export("alone", "memory1", readOnly: true), Export("<b>\"&", "stats0", heldBy: "ctl drain")],
        Nodes =
        [
            Node("delay0", "delay:read=1ms", "base"), Node("base", "cow", "memory0"),
            Node("memory0", "memory:1G", null, heldBy: "ctl drain"), Node("memory1", "memory:1G", null),
            Node("stats0", "stats", "base"), Node("spare", "null:1G", null),
        ],
    };

    [Fact]
    public void As_text_a_shared_node_is_printed_once_and_those_that_share_stand_together()
    {
        Assert.Equal(
            """
            export ''  1G, parallel, 1 client
            └─ delay0   delay:read=1ms
               └─ base  cow
                  └─ memory0  memory:1G  [held by ctl drain]
            export '<b>"&'  1G, parallel, 1 client  [held by ctl drain]
            └─ stats0   stats
               └─ base, as above
            export 'alone'  1G, parallel, read-only, 1 client
            └─ memory1  memory:1G
            in no export
            └─ spare    null:1G

            """,
            GraphText.Of(s_shared));
    }

    [Fact]
    public void As_a_picture_every_export_and_node_is_a_box_and_no_two_lie_on_each_other()
    {
        XElement svg = XDocument.Parse(GraphSvg.Of(s_shared)).Root!;
        XNamespace ns = "http://www.w3.org/2000/svg";
        XElement[] boxes = [.. svg.Elements(ns + "g")];
        Assert.Equal(9, boxes.Length);
        var places = boxes.Select(box => box.Element(ns + "rect")!).Select(rect => ((double)rect.Attribute("x")!, (double)rect.Attribute("y")!)).ToList();
        for (int i = 0; i < places.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                Assert.True(Math.Abs(places[i].Item1 - places[j].Item1) >= 210
                    || Math.Abs(places[i].Item2 - places[j].Item2) >= 54, $"{boxes[i]} lies on {boxes[j]}");
            }
        }

        // A line for each way: three exports, and three filters.
        Assert.Equal(6, svg.Elements(ns + "path").Count());
        Assert.Contains(boxes, box => box.Elements(ns + "text").First().Value == "<b>\"&");
        Assert.Equal(2, svg.Descendants(ns + "text").Count(text => text.Value == "held"));
    }

    [Fact]
    public void What_a_copy_fills_is_called_that_and_drawn_below_it()
    {
        var copying = new GraphDocument
        {
            Exports = [Export("", "stats0"), Export("alone", "memory1")],
            Nodes =
            [
                Node("stats0", "stats", "copy0"), Node("copy0", "copy:to=new", "memory0") with { CopiesTo = "new" }, Node("memory0", "memory:1G", null),
                Node("new", "cow", "memory2"), Node("memory2", "memory:1G", null), Node("memory1", "memory:1G", null), Node("spare", "null:1G", null),
            ],
        };
        Assert.EndsWith(
            """
            what copy0 copies to, in no export yet
            └─ new      cow
               └─ memory2  memory:1G
            in no export
            └─ spare    null:1G

            """,
            GraphText.Of(copying),
            StringComparison.Ordinal);
        XElement svg = XDocument.Parse(GraphSvg.Of(copying)).Root!;
        XNamespace ns = "http://www.w3.org/2000/svg";
        Assert.Single(svg.Elements(ns + "path"), path => (string?)path.Attribute("class") == "copies");
        var rows = svg.Elements(ns + "g").ToDictionary(box => box.Elements(ns + "text").First().Value, box => (double)box.Element(ns + "rect")!.Attribute("y")!);
        Assert.True(rows["new"] > rows["copy0"] && rows["memory2"] > rows["new"]);
    }

    [Fact]
    public void A_document_that_leads_in_a_circle_does_not_hang()
    {
        var circle = new GraphDocument { Exports = [Export("", "a")], Nodes = [Node("a", "stats", "b"), Node("b", "stats", "a")] };
        Assert.Contains("└─ b  stats", GraphText.Of(circle), StringComparison.Ordinal);
        Assert.NotEmpty(GraphSvg.Of(circle));
    }

    private static GraphExport Export(string name, string top, bool readOnly = false, params string[] heldBy) => new()
    {
        Name = name,
        Top = top,
        SizeBytes = 1 << 30,
        ReadOnly = readOnly,
        ThreadModel = "parallel",
        Clients = 1,
        HeldBy = heldBy,
    };

    private static GraphNode Node(string id, string text, string? next, params string[] heldBy) => new()
    {
        Id = id,
        Block = text.Split(':')[0],
        Text = text,
        Next = next,
        SizeBytes = 1 << 30,
        IsOpen = true,
        HeldBy = heldBy,
    };
}
