using System.Globalization;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Load;

/// <summary>What <c>harness load</c> prints for people.</summary>
internal static class LoadText
{
    public static void Write(LoadOptions options, LoadResult result, string? verified, TextWriter text)
    {
        text.WriteLine($"{options.Uri} · {result.Backend}, {result.Wait} · {Shape(options, result.Replies)}");
        string errors = result.Errors == 1 ? "error" : "errors";
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Ops:n0} operations in {result.Seconds:0.00} s: "
            + $"{result.Iops:n0} per second, {result.BytesPerSecond / (1 << 20):n1} MiB/s, {result.Errors:n0} {errors}"));
        WriteRates(result, text);
        WriteLatencies(result, text);
        WriteCosts("client", result.Client, text);
        if (result.Server is { } server)
        {
            WriteCosts("server", server, text);
        }

        if (options.Explain && result.Explain is { } explanation)
        {
            ExplainText.Write(explanation, options, text);
        }

        if (verified is not null)
        {
            text.WriteLine(verified);
        }
    }

    /// <summary>The load in a few words.</summary>
    public static string Shape(LoadOptions options, string? granted)
    {
        string order = Vocabulary.FormatPattern(options.Pattern, options.ZipfTheta);
        string size = options.Sizes is { } sizes ? $"{sizes}" : string.Create(CultureInfo.InvariantCulture, $"{options.RequestBytes:n0}");
        string rw = Vocabulary.FormatReadPercent(options.ReadPercent);
        string connections = options.Connections == 1 ? "1 connection" : $"{options.Connections} connections";
        string depth = options.Rate is null ? $"{options.Depth} in flight" : $"at most {options.Depth} in flight";
        string think = options.ThinkTime > TimeSpan.Zero ? $", {Units.FormatTime(options.ThinkTime)} between them" : "";
        string arrivals = options.Rate is { } rate
            ? string.Create(CultureInfo.InvariantCulture, $", {options.Arrivals.ToString().ToLowerInvariant()} {rate:n0} per second")
            : "";
        string replies = granted is null or "simple" ? "" : $", {granted} replies";
        string loop = options.Rate is null ? "closed" : "open";
        string duplex = options.Duplex switch { Duplex.Half => ", half duplex", Duplex.Threads => ", a thread for each side", _ => "" };
        return $"{loop} loop, {order} {rw}, {size} bytes, {connections} × {depth}{think}{arrivals}{replies}{duplex}";
    }

    private static void WriteRates(LoadResult result, TextWriter text)
    {
        if (result is not { RateOffered: { } offered, RateAchieved: { } achieved })
        {
            return;
        }

        string unsent = result.Unsent > 0 ? string.Create(CultureInfo.InvariantCulture, $"; {result.Unsent:n0} were due and never sent") : "";
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"offered {offered:n0} per second, achieved {achieved:n0}{unsent}"));
        if (result.Saturated == true)
        {
            text.WriteLine("saturated: the server did not keep up, so the latencies below measure how long the run was; use a smaller --rate");
        }
    }

    private static void WriteLatencies(LoadResult result, TextWriter text)
    {
        if (result.LatencyUs is null)
        {
            return;
        }

        text.WriteLine($"{"µs",-9} {"min",8} {"p50",8} {"p90",8} {"p99",8} {"p99.9",8} {"max",10} {"mean",8}");
        WriteLatency("latency", result.LatencyUs, text);
        if (result.ServiceUs is { } service)
        {
            WriteLatency("service", service, text);
        }

        if (result.SendLagUs is { } lag)
        {
            WriteLatency("send lag", lag, text);
        }
    }

    private static void WriteLatency(string name, LatencySummary summary, TextWriter text)
    {
        string Us(double us) => us.ToString(us < 100 ? "0.0" : "n0", CultureInfo.InvariantCulture);
        text.WriteLine($"{name,-9} {Us(summary.Min),8} {Us(summary.P50),8} {Us(summary.P90),8} {Us(summary.P99),8} "
            + $"{Us(summary.P999),8} {Us(summary.Max),10} {Us(summary.Mean),8}");
    }

    /// <summary>A line of what one process paid per operation.</summary>
    public static void WriteCosts(string side, SideCosts costs, TextWriter text)
    {
        string Figure(double? value, string unit) => value is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known:0.###} {unit}") : string.Empty;
        string[] figures =
        [
            Figure(costs.CpuUsPerOp, "µs CPU"),
            Figure(costs.SyscallsPerOp, "system calls"),
            Figure(costs.EntersPerOp, "enters"),
            Figure(costs.ContextSwitchesPerOp, "context switches"),
            Figure(costs.AllocatedBytesPerOp, "bytes allocated"),
        ];
        string collections = costs.GcCount is { } count ? $"; {count} {(count == 1 ? "collection" : "collections")}" : string.Empty;
        text.WriteLine($"{side} per operation: {string.Join(", ", figures.Where(figure => figure.Length > 0))}{collections}");
    }
}
