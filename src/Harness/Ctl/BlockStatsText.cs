using System.Globalization;
using System.Text;
using System.Text.Json;
using Harness.Results;

namespace Harness.Ctl;

/// <summary>What <c>ctl SOCKET stats</c> prints for people: the server in a line or two, then a row for each export, node and command.</summary>
internal static class BlockStatsText
{
    private static readonly string[] s_heads =
        ["", "in flight", "waiting", "command", "requests/s", "MiB/s", "errors", "p50 µs", "p99 µs", "p99.9 µs", "max µs"];

    public static string Of(JsonElement answer)
    {
        BlockStatsDocument stats = answer.Deserialize(ResultsJson.Line.BlockStatsDocument)!;
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{Number(stats, "requests"):N0} requests and {Number(stats, "bytes_in") + Number(stats, "bytes_out"):N0} bytes since the start, {Number(stats, "connections")} connections now\n\n");
        List<string[]> rows = [[.. s_heads[..(stats.Seconds is null ? 3 : s_heads.Length)]]];
        foreach (BlockTraffic export in stats.Exports)
        {
            AddRows(rows, $"export '{export.Id}'", export, stats.Seconds);
        }

        foreach (BlockTraffic node in stats.Nodes)
        {
            AddRows(rows, node.Id, node, stats.Seconds);
        }

        Append(text, rows);
        if (stats.Seconds is null)
        {
            text.Append("\nstats --for 1s counts and times what goes through each\n");
        }

        return text.ToString();
    }

    private static void AddRows(List<string[]> rows, string name, BlockTraffic traffic, double? seconds)
    {
        string[] begin = [name, Whole(traffic.InFlight), Whole(traffic.Waiting)];
        if (seconds is not { } time)
        {
            rows.Add(begin);
            return;
        }

        if (traffic.Commands.Count == 0)
        {
            rows.Add([.. begin, "none"]);
        }

        foreach (CommandTraffic command in traffic.Commands)
        {
            rows.Add(
            [
                .. begin, command.Command, Whole((long)(command.Requests / time)),
                (command.Bytes / time / (1 << 20)).ToString("0.0", CultureInfo.InvariantCulture),
                Whole(command.Errors), Micros(command.LatencyUs.P50), Micros(command.LatencyUs.P99),
                Micros(command.LatencyUs.P999), Micros(command.LatencyUs.Max),
            ]);
            begin = [string.Empty, string.Empty, string.Empty];
        }
    }

    private static void Append(StringBuilder text, List<string[]> rows)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => column < row.Length ? row[column].Length : 0))];
        foreach (string[] row in rows)
        {
            var line = new StringBuilder();
            for (int column = 0; column < row.Length; column++)
            {
                // Words to the left, numbers to the right.
                line.Append(column is 0 or 3 ? row[column].PadRight(widths[column]) : row[column].PadLeft(widths[column])).Append("  ");
            }

            text.Append(line.ToString().TrimEnd()).Append('\n');
        }
    }

    private static string Whole(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Micros(double us) => us.ToString(us < 100 ? "0.0" : "N0", CultureInfo.InvariantCulture);

    private static double Number(BlockStatsDocument stats, string name) => Load.ServerCosts.Number(stats.Server, name) ?? 0;
}
