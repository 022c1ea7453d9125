using System.Globalization;
using System.Text;
using Harness.Results;

namespace Harness.Report;

/// <summary>
/// A run in Prometheus' text format (version 0.0.4), for node_exporter's textfile collector or a push gateway: medians over the rounds, latencies as
/// a summary over all rounds, in base units (seconds, bytes). A figure that could not be had is left out.
/// </summary>
internal sealed class ExportPrometheus
{
    private const double UsPerSecond = 1e6;

    private readonly StringBuilder _text = new();
    private readonly ReportDocument _report;

    private ExportPrometheus(ReportDocument report) => _report = report;

    public static string Of(ReportDocument report)
    {
        var export = new ExportPrometheus(report);
        export.WriteRun();
        export.WriteCells();
        return export._text.ToString();
    }

    private void WriteRun()
    {
        var run = _report.Run;
        Family("harness_run_info", "gauge", "What the figures of this exposition come from; always 1.");
        Sample("harness_run_info", 1, Labels(
            ("matrix", run.Matrix),
            ("machine", run.Machine),
            ("commit", run.Commit),
            ("kernel", run.Environment.KernelRelease ?? ""),
            ("dotnet", run.Environment.Dotnet.Version)));
        Family("harness_run_started_timestamp_seconds", "gauge", "When the run began, in seconds since 1970.");
        Sample("harness_run_started_timestamp_seconds", run.Started.ToUnixTimeMilliseconds() / 1000.0, Labels(("matrix", run.Matrix), ("machine", run.Machine)));
    }

    private void WriteCells()
    {
        Gauge("harness_rounds", "Rounds whose figures count.", cell => cell.Rounds);
        Gauge("harness_failed_rounds", "Rounds that failed.", cell => cell.FailedRounds);
        Gauge(
            "harness_saturated_rounds",
            "Rounds in which the server did not keep up with its schedule; with one of them the latencies say how long the run was.",
            cell => cell.RateOffered is null ? null : cell.SaturatedRounds);
        Gauge("harness_offered_operations_per_second", "Requests that the schedule asked for per second, median over the rounds.", cell => cell.RateOffered?.Median);
        Gauge("harness_operations_per_second", "Requests completed per second, or events of the pipe test, median over the rounds.", cell => cell.Iops?.Median);
        WriteLatency();
        PerProcess("harness_cpu_seconds_per_operation", "User and system time per request.", costs => costs.CpuUsPerOp / UsPerSecond);
        PerProcess("harness_system_calls_per_operation", "System calls of the loops per request.", costs => costs.SyscallsPerOp);
        PerProcess("harness_enters_per_operation", "Calls of io_uring_enter per request.", costs => costs.EntersPerOp);
        PerProcess("harness_submissions_per_operation", "Submission queue entries per request.", costs => costs.SqesPerOp);
        PerProcess("harness_completions_per_operation", "Completion queue entries per request.", costs => costs.CqesPerOp);
        PerProcess("harness_context_switches_per_operation", "Voluntary and involuntary context switches per request.", costs => costs.ContextSwitchesPerOp);
        PerProcess("harness_allocated_bytes_per_operation", "Managed memory allocated per request.", costs => costs.AllocatedBytesPerOp);
        PerProcess("harness_received_bytes_per_operation", "Bytes received over sockets per request.", costs => costs.BytesReceivedPerOp);
        PerProcess("harness_sent_bytes_per_operation", "Bytes sent over sockets per request.", costs => costs.BytesSentPerOp);
    }

    private void WriteLatency()
    {
        const string Name = "harness_latency_seconds";
        Family(Name, "summary", "From when a request was to be sent to its whole reply, over all rounds.");
        foreach (var cell in _report.Cells)
        {
            if (cell.LatencyUs is not { } latency)
            {
                continue;
            }
            string labels = CellLabels(cell);
            (string, double)[] quantiles = [("0.5", latency.P50), ("0.9", latency.P90), ("0.99", latency.P99), ("0.999", latency.P999), ("1", latency.Max)];
            foreach (var (quantile, us) in quantiles)
            {
                Sample(Name, us / UsPerSecond, $"{labels},{Labels(("quantile", quantile))}");
            }
            Sample(Name + "_sum", latency.Mean * latency.Count / UsPerSecond, labels);
            Sample(Name + "_count", latency.Count, labels);
        }
    }

    private void Gauge(string name, string help, Func<CellFigures, double?> read)
    {
        Family(name, "gauge", help);
        foreach (var cell in _report.Cells)
        {
            Sample(name, read(cell), CellLabels(cell));
        }
    }

    private void PerProcess(string name, string help, Func<SideCosts, double?> read)
    {
        Family(name, "gauge", help);
        foreach (var cell in _report.Cells)
        {
            foreach (var (process, costs) in new[] { ("server", cell.Server), ("client", cell.Client) })
            {
                Sample(name, costs is null ? null : read(costs), $"{CellLabels(cell)},{Labels(("process", process))}");
            }
        }
    }

    private string CellLabels(CellFigures cell) => Labels(
    [
        ("matrix", _report.Run.Matrix),
        ("machine", _report.Run.Machine),
        ("cell", cell.Cell),
        .. cell.Axes.OrderBy(axis => axis.Key, StringComparer.Ordinal).Select(axis => (axis.Key, axis.Value)),
    ]);

    private void Family(string name, string type, string help) => _text.Append($"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private void Sample(string name, double? value, string labels)
    {
        if (value is { } number)
        {
            _text.Append(CultureInfo.InvariantCulture, $"{name}{{{labels}}} {number:R}\n");
        }
    }

    private static string Labels(params IEnumerable<(string Name, string Value)> labels) =>
        string.Join(',', labels.Select(label => $"{LabelName(label.Name)}=\"{Escaped(label.Value)}\""));

    // An axis of an edited folder may be called anything; a label's name may not.
    private static string LabelName(string name)
    {
        string legal = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        return legal.Length > 0 && !char.IsAsciiDigit(legal[0]) ? legal : "_" + legal;
    }

    private static string Escaped(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);
}
