using Harness.Results;
using HdrHistogram;

namespace Harness.Load;

/// <summary>The latency files of one load: <c>--hgrm</c> in microseconds for plotting, <c>--hlog</c> in nanoseconds for adding up.</summary>
internal static class LoadFiles
{
    private const double NanosecondsPerMicrosecond = 1000;

    /// <exception cref="HarnessException">A file cannot be written.</exception>
    public static void Write(LoadOptions options, IntervalLog latencies, long endNs)
    {
        WriteFile("--hgrm", options.Hgrm, stream =>
        {
            using var writer = new StreamWriter(stream) { NewLine = "\n" };
            latencies.Sum().OutputPercentileDistribution(writer, outputValueUnitScalingRatio: NanosecondsPerMicrosecond);
        });
        WriteFile("--hlog", options.Hlog, stream =>
        {
            HistogramBase[] intervals = latencies.Finish(endNs);
            HistogramLogWriter.Write(stream, DateTimeOffset.FromUnixTimeMilliseconds(intervals[0].StartTimeStamp).UtcDateTime, intervals);
        });
    }

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
