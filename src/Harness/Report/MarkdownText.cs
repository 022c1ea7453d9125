using System.Text;

namespace Harness.Report;

/// <summary>What every document in Markdown is made of: lines, tables, and other people's words.</summary>
internal static class MarkdownText
{
    public static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    /// <summary>A table; its cells are written as they are.</summary>
    public static void Table(StringBuilder text, IReadOnlyList<string> columns, IEnumerable<IEnumerable<string>> rows)
    {
        Row(text, columns);
        Row(text, columns.Select(_ => "---"));
        foreach (var row in rows)
        {
            Row(text, row);
        }
    }

    /// <summary>Without what begins a column, a tag, a link or emphasis in the middle of a text. An underscore inside a word is only itself.</summary>
    public static string Escaped(string text)
    {
        var escaped = new StringBuilder();
        foreach (char c in text)
        {
            escaped.Append(c is '|' or '<' or '>' or '[' or ']' or '*' or '`' or '\\' ? $"\\{c}" : c);
        }
        return escaped.ToString();
    }

    private static void Row(StringBuilder text, IEnumerable<string> columns) => Line(text, $"| {string.Join(" | ", columns)} |");
}
