using System.Globalization;
using System.Text.Json;
using HdrHistogram;
using Harness.Results;

namespace Harness.Run;

/// <summary>
/// What fio wrote as <c>json+</c>, in our terms. Its total latency (<c>lat</c>, from a request's submission to its completion) is <c>latency_us</c>, its
/// completion latency (<c>clat</c>, from when the engine had taken the request) <c>service_us</c>. It counts both in steps of 1.6 % of a value. CPU time and
/// context switches are those of its jobs' threads from the end of the ramp, which fio itself takes with getrusage(2), in milliseconds.
/// </summary>
internal sealed class FioResult
{
    private readonly LongHistogram? _latencies;

    private FioResult(LoadResult load, DateTimeOffset ended, LongHistogram? latencies)
    {
        Load = load;
        Ended = ended;
        _latencies = latencies;
    }

    public LoadResult Load { get; }

    /// <summary>When fio wrote its result, a moment after its measured part.</summary>
    public DateTimeOffset Ended { get; }

    /// <param name="path">The file that <c>--output</c> named.</param>
    public static FioResult Read(string path)
    {
        var text = File.ReadAllText(path);
        // What its engine says of connections may stand before it.
        using var document = JsonDocument.Parse(text[Math.Max(0, text.IndexOf("{\n", StringComparison.Ordinal))..]);
        var root = document.RootElement;
        var job = root.GetProperty("jobs")[0];
        JsonElement[] sides = [job.GetProperty("read"), job.GetProperty("write")];
        var ops = sides.Sum(side => side.GetProperty("total_ios").GetInt64());
        var seconds = sides.Max(side => side.GetProperty("runtime").GetInt64()) / 1000.0;
        var error = job.GetProperty("error").GetInt32();
        var latencies = Histogram(sides, "lat_ns");
        var load = new LoadResult
        {
            Ops = ops,
            Errors = error == 0 ? 0 : 1,
            FirstError = error == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"fio ended with error {error} (errno)"),
            Seconds = seconds,
            WarmupSeconds = null,
            Iops = seconds > 0 ? ops / seconds : 0,
            BytesPerSecond = seconds > 0 ? sides.Sum(side => side.GetProperty("io_bytes").GetInt64()) / seconds : 0,
            Backend = null,
            Wait = null,
            Arrivals = "closed",
            LatencyUs = Summary(latencies, sides, "lat_ns"),
            ServiceUs = Summary(Histogram(sides, "clat_ns"), sides, "clat_ns"),
            Client = Costs(job, ops),
        };
        return new FioResult(load, DateTimeOffset.FromUnixTimeMilliseconds(root.GetProperty("timestamp_ms").GetInt64()), latencies);
    }

    /// <summary>Writes the latencies as an interval log of one interval; nothing where there are none.</summary>
    public void WriteLog(string path)
    {
        if (_latencies is null)
        {
            return;
        }
        _latencies.StartTimeStamp = Ended.AddSeconds(-Load.Seconds).ToUnixTimeMilliseconds();
        _latencies.EndTimeStamp = Ended.ToUnixTimeMilliseconds();
        using var stream = File.Create(path);
        HistogramLogWriter.Write(stream, DateTimeOffset.FromUnixTimeMilliseconds(_latencies.StartTimeStamp).UtcDateTime, _latencies);
    }

    private static LongHistogram? Histogram(JsonElement[] sides, string name)
    {
        var histogram = LatencyHistogram.Create();
        foreach (var side in sides)
        {
            if (side.TryGetProperty(name, out var latency) && latency.TryGetProperty("bins", out var bins))
            {
                foreach (var bin in bins.EnumerateObject())
                {
                    histogram.RecordValueWithCount(long.Parse(bin.Name, CultureInfo.InvariantCulture), bin.Value.GetInt64());
                }
            }
        }
        return histogram.TotalCount > 0 ? histogram : null;
    }

    // The smallest, the largest and the mean are fio's own, which are exact.
    private static LatencySummary? Summary(LongHistogram? histogram, JsonElement[] sides, string name)
    {
        if (histogram is null)
        {
            return null;
        }
        double Us(JsonElement side, string member) => side.GetProperty(name).GetProperty(member).GetDouble() / 1000;
        var used = sides.Where(side => side.GetProperty(name).GetProperty("N").GetInt64() > 0).ToArray();
        var count = used.Sum(side => side.GetProperty(name).GetProperty("N").GetInt64());
        return LatencyFiles.Summarize(histogram)! with
        {
            Min = used.Min(side => Us(side, "min")),
            Max = used.Max(side => Us(side, "max")),
            Mean = used.Sum(side => Us(side, "mean") * side.GetProperty(name).GetProperty("N").GetInt64()) / count,
        };
    }

    // In percent of job_runtime, the sum of all jobs' runtimes in milliseconds.
    private static SideCosts Costs(JsonElement job, long ops)
    {
        var percent = job.GetProperty("usr_cpu").GetDouble() + job.GetProperty("sys_cpu").GetDouble();
        return ops == 0 ? new SideCosts() : new SideCosts
        {
            // Less than the millisecond in which it counts is no figure.
            CpuUsPerOp = percent == 0 ? null : percent / 100 * job.GetProperty("job_runtime").GetInt64() * 1000 / ops,
            ContextSwitchesPerOp = job.GetProperty("ctx").GetInt64() / (double)ops,
        };
    }
}
