using System.Text;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>What <c>harness blocks</c> prints for people, and what <c>serve --help</c> says of chains.</summary>
internal static class BlocksText
{
    private const int Width = 120;

    /// <summary>A chain in a sentence.</summary>
    public static string Grammar { get; } =
        "what to serve: filters, if any, from the client's side on, then a store, with slashes between, like delay:read=1ms/memory:1G; "
        + "in the store's place, @ID is a --node; all are listed below";

    /// <summary>All of them as they are written, each with its parameters.</summary>
    public static string Synopses()
    {
        var text = new StringBuilder("Stores and filters ('harness blocks NAME' explains one and its parameters):\n");
        foreach (string synopsis in StoreCatalog.All.Select(kind => kind.Synopsis).Concat(FilterCatalog.All.Select(kind => kind.Synopsis)))
        {
            text.Append("  ").Append(synopsis).Append('\n');
        }

        return text.Append('\n').ToString();
    }

    /// <summary>All of them, a line or two each.</summary>
    public static string List(BlocksDocument document)
    {
        int width = document.Blocks.Max(block => Label(block).Length) + 2;
        var text = new StringBuilder("A chain is FILTER[:NAME=VALUE,…]/…/STORE, from the client's side to the store; in filters' values / , % are written %2F %2C %25.\n");
        foreach (string kind in (string[])[BlocksDocument.Store, BlocksDocument.Filter])
        {
            text.Append('\n').Append(kind).Append("s\n");
            foreach (BlockEntry block in document.Blocks.Where(block => block.Kind == kind))
            {
                AppendRow(text, Label(block), width, block.Summary);
            }
        }

        return text.Append("\n'harness blocks NAME' lists the parameters of one.\n").ToString();
    }

    /// <summary>One with its parameters.</summary>
    public static string One(BlockEntry block)
    {
        var text = new StringBuilder($"{block.Synopsis}\n\n");
        AppendRow(text, string.Empty, 0, block.Summary);
        if (block.Parameters.Count > 0)
        {
            text.Append('\n');
            int width = block.Parameters.Max(parameter => Label(parameter).Length) + 2;
            foreach (BlockParameter parameter in block.Parameters)
            {
                AppendRow(text, Label(parameter), width, parameter.Meaning);
            }
        }

        text.Append($"\nThread model: {block.ThreadModel}\n");
        return (block.Example is null ? text : text.Append($"\nExample: --block {block.Example}\n")).ToString();
    }

    private static string Label(BlockEntry block) => block.Kind == BlocksDocument.Store ? block.Synopsis : block.Name;

    private static string Label(BlockParameter parameter) => parameter.Value is null ? parameter.Name : $"{parameter.Name}={parameter.Value}";

    /// <summary>A label, and beside it a text that is broken between words.</summary>
    private static void AppendRow(StringBuilder text, string label, int width, string words)
    {
        string indent = new(' ', width == 0 ? 0 : width + 2);
        var line = new StringBuilder(width == 0 ? string.Empty : "  " + label.PadRight(width));
        foreach (string word in words.Split(' '))
        {
            if (line.Length + word.Length > Width)
            {
                text.Append(line.ToString().TrimEnd()).Append('\n');
                line.Clear().Append(indent);
            }

            line.Append(word).Append(' ');
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}
