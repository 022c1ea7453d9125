using System.Globalization;
using System.Text.RegularExpressions;
using Harness.Results;

namespace Harness.Tests.Unit;

public sealed partial class ExportTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Csv_has_a_line_per_cell_and_round_and_a_column_per_number()
    {
        var (code, output, error) = VerbConsole.Invoke("report", Sample(), "--export", "csv");
        Assert.Equal((0, ""), (code, error));
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(4, lines.Length);
        string[] columns = lines[0].Split(',');
        var rows = lines.Skip(1).Select(line => columns.Zip(Fields(line)).ToDictionary(pair => pair.First, pair => pair.Second)).ToList();
        Assert.All(rows, row => Assert.Equal(("sample", "0123456789"), (row["matrix"], row["commit"])));
        Assert.Equal(["backend=epoll,depth=64,rw=read", "backend=epoll,depth=64,rw=read", "backend=uring,depth=64,rw=read"], rows.Select(row => row["cell"]));
        Assert.Equal(["1000", "2000", ""], rows.Select(row => row["load.iops"]));
        Assert.Equal(["epoll", "epoll", "uring"], rows.Select(row => row["axes.backend"]));
        Assert.Equal("refused: \"no\", it said", rows[2]["reason"]);
        Assert.Equal("2", rows[1]["load.server.sqes_by_opcode_per_op.RECV"]);
        Assert.DoesNotContain("load.server.sqes_by_opcode_per_op", columns);
        Assert.Equal("", rows[0]["load.server.enters_per_op"]);
    }

    [Fact]
    public void Prometheus_reads_every_line_and_units_are_base_units()
    {
        var (code, output, error) = VerbConsole.Invoke("report", Sample(), "--export", "prometheus");
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith("\n", output);
        var families = new HashSet<string>();
        foreach (string line in output.TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.True(families.Add(line.Split(' ')[2]), $"declared twice: {line}");
            }
            else if (!line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                var sample = SampleLine().Match(line);
                Assert.True(sample.Success, line);
                Assert.True(double.TryParse(sample.Groups["value"].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out _), line);
                Assert.Contains(SummaryPart().Replace(sample.Groups["name"].Value, ""), families);
            }
        }
        Assert.Matches("harness_operations_per_second\\{[^}]*backend=\"epoll\"[^}]*\\} 1500\n", output);
        Assert.Matches("harness_latency_seconds\\{[^}]*quantile=\"0.5\"\\} 0.0001", output);
        Assert.Matches("harness_latency_seconds_count\\{[^}]*\\} 10\n", output);
        Assert.Matches("harness_cpu_seconds_per_operation\\{[^}]*process=\"client\"\\} 2.5E-06\n", output);
        // What could not be had is not there, rather than zero.
        Assert.DoesNotContain("harness_enters_per_operation{", output);
        Assert.DoesNotMatch("harness_operations_per_second\\{[^}]*backend=\"uring\"", output);
    }

    [Fact]
    public void A_run_without_figures_is_exported_and_fails()
    {
        string folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "").Path;
        Assert.Equal(1, VerbConsole.Invoke("report", folder, "--export", "csv").Code);
    }

    [Fact]
    public void An_unknown_format_is_bad_usage()
    {
        var (code, _, error) = VerbConsole.Invoke("report", "x", "--export", "xml");
        Assert.Equal((2, "harness report: --export: unknown format 'xml'; legal: csv, prometheus (harness report --help explains)\n"), (code, error));
    }

    private string Sample()
    {
        var folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        var cell = ResultsSamples.Cell("epoll", "read");
        folder.Append(ResultsSamples.Ok(cell, 1, 1000), ResultsSamples.Hlog(_folder.Path, "1.hlog", 5, 100, 200));
        var second = ResultsSamples.Ok(cell, 2, 2000);
        var server = second.Load!.Server! with { SqesByOpcodePerOp = new Dictionary<string, double> { ["RECV"] = 2 } };
        folder.Append(second with { Load = second.Load with { Server = server } }, null);
        folder.Append(ResultsSamples.Not(ResultsSamples.Cell("uring", "read"), 0, CellStatus.Skipped, "refused: \"no\", it said"), null);
        return folder.Path;
    }

    // RFC 4180: a field is plain, or quoted with its quotes doubled.
    private static IEnumerable<string> Fields(string line) =>
        Field().Matches(line).Select(match => match.Groups[2].Success
            ? match.Groups[2].Value.Replace("\"\"", "\"", StringComparison.Ordinal)
            : match.Groups[3].Value);

    [GeneratedRegex("""(^|,)(?:"((?:[^"]|"")*)"|([^,]*))""")]
    private static partial Regex Field();

    [GeneratedRegex("""^(?<name>[a-z_]+)\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\} (?<value>\S+)$""")]
    private static partial Regex SampleLine();

    [GeneratedRegex("_(sum|count)$")]
    private static partial Regex SummaryPart();
}
