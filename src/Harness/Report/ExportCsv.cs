using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Harness.Results;

namespace Harness.Report;

/// <summary>
/// A run as comma-separated values (RFC 4180, in UTF-8 with plain newlines): a line per cell and round, a column per number of <c>cells.jsonl</c>,
/// named by its path there. A figure that could not be had is an empty field.
/// </summary>
internal static class ExportCsv
{
    private static readonly string[] RunColumns = ["matrix", "machine", "commit", "kernel_release"];

    public static string Of(RunData data)
    {
        string?[] run = [data.Run.Matrix, data.Run.Machine, data.Run.Commit, data.Run.Environment.KernelRelease];
        var rows = data.Cells.Select(Fields).ToList();
        // In the order of first use, so that a record which lacks some (a skipped cell, a backend without a ring) does not shift the others.
        string[] named = [.. rows.SelectMany(row => row.Keys).Distinct()];
        // What is an object in one record and null in another has the columns of the object.
        string[] columns = [.. named.Where(column => !named.Any(other => other.StartsWith(column + ".", StringComparison.Ordinal)))];
        var text = new StringBuilder();
        Line(text, RunColumns.Concat(columns));
        foreach (var row in rows)
        {
            Line(text, run.Concat(columns.Select(column => row.GetValueOrDefault(column))));
        }
        return text.ToString();
    }

    private static Dictionary<string, string?> Fields(CellRecord record)
    {
        var fields = new Dictionary<string, string?>();
        Flatten(fields, "", JsonSerializer.SerializeToNode(record, ResultsJson.Line.CellRecord));
        return fields;
    }

    private static void Flatten(Dictionary<string, string?> fields, string path, JsonNode? node)
    {
        if (node is JsonObject members)
        {
            foreach (var (name, value) in members)
            {
                Flatten(fields, path.Length == 0 ? name : $"{path}.{name}", value);
            }
        }
        else
        {
            fields[path] = node?.ToString();
        }
    }

    private static void Line(StringBuilder text, IEnumerable<string?> fields) => text.AppendJoin(',', fields.Select(Quoted)).Append('\n');

    private static string? Quoted(string? field) =>
        field is not null && field.AsSpan().IndexOfAny("\",\r\n") >= 0 ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
}
