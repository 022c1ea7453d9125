using HdrHistogram;

namespace Harness.Results;

/// <summary>
/// The latencies of a run's cells: <c>hlog/CELL.hlog</c> holds every interval of every round, tagged <c>round1</c>, <c>round2</c>, …, and
/// <c>hgrm/CELL.hgrm</c> the percentiles over all of them. An open loop has service times and send lags beside them, in <c>CELL.service.hlog</c>,
/// <c>CELL.lag.hlog</c> and the same of <c>.hgrm</c>. Rounds are added up as histograms; percentiles are never averaged.
/// </summary>
internal sealed class LatencyFiles(string folder)
{
    private const double NanosecondsPerMicrosecond = 1000;

    /// <summary>
    /// Adds one round of a cell. Intervals that the log has of that round already are replaced: they are of a run that was killed between writing them
    /// and listing the round, and a run that is resumed measures it again.
    /// </summary>
    /// <param name="cellId">The cell.</param>
    /// <param name="round">From 1.</param>
    /// <param name="roundLogPath">The round's latencies; those of the other kinds are taken from beside them (<see cref="LatencyKinds.Beside"/>).</param>
    /// <exception cref="HarnessException">A log cannot be read.</exception>
    public void AddRound(string cellId, int round, string roundLogPath)
    {
        Directory.CreateDirectory(Path.Combine(folder, "hlog"));
        Directory.CreateDirectory(Path.Combine(folder, "hgrm"));
        foreach (var kind in LatencyKinds.All)
        {
            var path = LatencyKinds.Beside(roundLogPath, kind);
            if (kind == LatencyKind.Latency || File.Exists(path))
            {
                AddRound(cellId, kind, $"round{round}", path);
            }
        }
    }

    /// <summary>All rounds of a cell in microseconds; null where the run has no log of it, or only a damaged one, which is added to the problems.</summary>
    public LatencySummary? Summary(string cellId, List<string> problems, LatencyKind kind = LatencyKind.Latency)
    {
        try
        {
            return File.Exists(LogPath(cellId, kind)) ? Summarize(Sum(ReadLog(LogPath(cellId, kind)))) : null;
        }
        catch (HarnessException e)
        {
            problems.Add(OneLine.Of(e.Message));
            return null;
        }
    }

    /// <summary>The intervals of a cell in nanoseconds, tagged by round; none where the run has no log of it, or only a damaged one.</summary>
    public IReadOnlyList<HistogramBase> Intervals(string cellId, LatencyKind kind = LatencyKind.Latency)
    {
        try
        {
            return File.Exists(LogPath(cellId, kind)) ? ReadLog(LogPath(cellId, kind)) : [];
        }
        catch (HarnessException)
        {
            return [];
        }
    }

    /// <summary>A histogram of nanoseconds in the numbers that are reported; null where it is empty.</summary>
    public static LatencySummary? Summarize(HistogramBase histogram)
    {
        if (histogram.TotalCount == 0)
        {
            return null;
        }
        double Us(double percentile) => histogram.GetValueAtPercentile(percentile) / NanosecondsPerMicrosecond;
        return new LatencySummary
        {
            Min = Us(0),
            P50 = Us(50),
            P90 = Us(90),
            P99 = Us(99),
            P999 = Us(99.9),
            Max = Us(100),
            Mean = histogram.GetMean() / NanosecondsPerMicrosecond,
            Count = histogram.TotalCount,
        };
    }

    private void AddRound(string cellId, LatencyKind kind, string tag, string roundLogPath)
    {
        var logPath = LogPath(cellId, kind);
        List<HistogramBase> intervals = [.. File.Exists(logPath) ? ReadLog(logPath).Where(interval => interval.Tag != tag) : []];
        foreach (var interval in ReadLog(roundLogPath))
        {
            interval.Tag = tag;
            intervals.Add(interval);
        }
        Replace(logPath, stream => WriteLog(stream, intervals));
        Replace(Path.Combine(folder, "hgrm", $"{CellFile.Name(cellId)}{LatencyKinds.Part(kind)}.hgrm"), stream => WritePercentiles(stream, Sum(intervals)));
    }

    private string LogPath(string cellId, LatencyKind kind) => Path.Combine(folder, "hlog", $"{CellFile.Name(cellId)}{LatencyKinds.Part(kind)}.hlog");

    private static LongHistogram Sum(IEnumerable<HistogramBase> intervals)
    {
        // 1 ns to 1 h with 3 digits, as everywhere.
        var sum = new LongHistogram(1, TimeSpan.NanosecondsPerTick * TimeSpan.TicksPerHour, 3);
        foreach (var interval in intervals)
        {
            sum.Add(interval);
        }
        return sum;
    }

    private static List<HistogramBase> ReadLog(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return [.. new HistogramLogReader(stream).ReadHistograms()];
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot read the latency log '{path}': {e.Message}", e);
        }
    }

    private static void WriteLog(Stream stream, IReadOnlyList<HistogramBase> intervals)
    {
        var start = DateTimeOffset.FromUnixTimeMilliseconds(intervals.Count > 0 ? intervals[0].StartTimeStamp : 0).UtcDateTime;
        using var writer = new HistogramLogWriter(stream);
        writer.Write(start, [.. intervals]);
    }

    private static void WritePercentiles(Stream stream, HistogramBase histogram)
    {
        using var writer = new StreamWriter(stream) { NewLine = "\n" };
        histogram.OutputPercentileDistribution(writer, outputValueUnitScalingRatio: NanosecondsPerMicrosecond);
    }

    // A run that is killed here leaves the old file, not half of the new one.
    private static void Replace(string path, Action<Stream> write)
    {
        using (var stream = File.Create(path + ".new"))
        {
            write(stream);
        }
        File.Move(path + ".new", path, overwrite: true);
    }
}
