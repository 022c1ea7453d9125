using Harness.Results;
using HdrHistogram;

namespace Harness.Load;

/// <summary>
/// The latency files of one load: <c>--hgrm</c> in microseconds for plotting, <c>--hlog</c> in nanoseconds for adding up. They hold the latency from the
/// intended time; an open loop writes two more beside each, <c>NAME.service.EXT</c> and <c>NAME.lag.EXT</c>, over the whole measured part.
/// </summary>
internal static class LoadFiles
{
    private const double NanosecondsPerMicrosecond = 1000;

    /// <exception cref="HarnessException">A file cannot be written.</exception>
    public static void Write(LoadOptions options, LoadRecord record, long endNs)
    {
        HistogramBase[] intervals = record.Latencies.Finish(endNs);
        WriteFile("--hgrm", options.Hgrm, stream => WritePercentiles(stream, record.Latencies.Sum()));
        WriteFile("--hlog", options.Hlog, stream => WriteLog(stream, intervals));
        if (record.SendLags is { } lags)
        {
            WriteWhole(options, LatencyKind.Service, record.Services, intervals);
            WriteWhole(options, LatencyKind.SendLag, lags, intervals);
        }
    }

    private static string? Beside(string? path, LatencyKind kind) => path is null ? null : LatencyKinds.Beside(path, kind);

    private static void WriteWhole(LoadOptions options, LatencyKind kind, HistogramBase histogram, HistogramBase[] intervals)
    {
        histogram.StartTimeStamp = intervals[0].StartTimeStamp;
        histogram.EndTimeStamp = intervals[^1].EndTimeStamp;
        WriteFile("--hgrm", Beside(options.Hgrm, kind), stream => WritePercentiles(stream, histogram));
        WriteFile("--hlog", Beside(options.Hlog, kind), stream => WriteLog(stream, histogram));
    }

    private static void WritePercentiles(Stream stream, HistogramBase histogram)
    {
        using var writer = new StreamWriter(stream) { NewLine = "\n" };
        histogram.OutputPercentileDistribution(writer, outputValueUnitScalingRatio: NanosecondsPerMicrosecond);
    }

    private static void WriteLog(Stream stream, params HistogramBase[] intervals) =>
        HistogramLogWriter.Write(stream, DateTimeOffset.FromUnixTimeMilliseconds(intervals[0].StartTimeStamp).UtcDateTime, intervals);

    private static void WriteFile(string option, string? path, Action<Stream> write)
    {
        if (path is null)
        {
            return;
        }

        try
        {
            using FileStream stream = File.Create(path);
            write(stream);
        }
        catch (Exception problem) when (FileTrouble.Is(problem))
        {
            throw OutputFile.Refused(option, path, problem);
        }
    }
}
