using HdrHistogram;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>A made-up run as the HTML report needs it: four backends at three depths, three rounds of three seconds, a traced pass.</summary>
internal static class ReportHtmlSamples
{
    public const int Rounds = 3;

    private static readonly string[] Depths = ["1", "16", "64"];

    /// <summary>Writes the run and reads it back.</summary>
    public static RunData Run(string root, RunRecord? run = null)
    {
        var folder = ResultsFolder.Create(root, run ?? ResultsSamples.Run, "");
        for (var round = 1; round <= Rounds; round++)
        {
            foreach (var depth in Depths)
            {
                foreach (var backend in Vocabulary.Backends)
                {
                    var cell = Cell(backend, depth);
                    folder.Append(Record(cell, round), Log(root, Intervals(cell, round)));
                }
            }
        }
        folder.Append(ResultsSamples.Not(Cell("poll", "256"), 1, CellStatus.Failed, "the server was killed by signal 11 (SIGSEGV)"), null);
        return RunReader.Read(folder.Path);
    }

    public static Cell Cell(string backend, string depth) => new(new Dictionary<string, string> { ["backend"] = backend, ["depth"] = depth });

    /// <summary>Three seconds and the moment that the clock runs on; the backends differ, and so do the seconds.</summary>
    public static HistogramBase[] Intervals(Cell cell, int round)
    {
        var slowness = 10 * (1 + Array.IndexOf(Vocabulary.Backends, cell.Backend)) * int.Parse(cell["depth"]);
        return [.. Enumerable.Range(0, 4).Select(second => Interval(second, Values(slowness, round, second)))];
    }

    /// <summary>A pass in which the collector stopped the server once, one and a half seconds in.</summary>
    public static HtmlGcPass GcPass(Cell cell) => new(Intervals(cell, 1), [new HtmlGcPause(0, 1.5, 850, 0, "server")]);

    /// <summary>Writes a traced pass of every cell into the run's folder, and reads all of it back; <paramref name="edit"/> changes what was found.</summary>
    public static RunData WithGcPass(RunData run, string root, Func<GcRecord, GcRecord> edit)
    {
        var files = new GcFiles(run.Folder);
        foreach (var record in run.Cells.Where(record => record.Status == CellStatus.Ok).DistinctBy(record => record.Cell))
        {
            var cell = new Cell(record.Axes);
            files.Write(edit(GcSamples.Record(cell)), Log(root, Intervals(cell, 1)));
        }
        return RunReader.Read(run.Folder).WithGc();
    }

    private static CellRecord Record(Cell cell, int round)
    {
        var at = Array.IndexOf(Vocabulary.Backends, cell.Backend);
        var calls = cell.Backend == "uring" ? 2.0 : 3.0;
        var record = ResultsSamples.Ok(cell, round, (10_000 * int.Parse(cell["depth"]) * (1 + at * 0.25)) + round, at >= 2 ? 1 : null);
        var load = record.Load!;
        return record with
        {
            Load = load with { Client = load.Client with { SyscallsPerOp = calls }, Server = load.Server! with { SyscallsPerOp = calls } },
        };
    }

    private static IEnumerable<(long Us, long Count)> Values(int slowness, int round, int second) =>
        from step in Enumerable.Range(0, 14)
        select ((long)(slowness * (1 + (step * step * 0.2)) * (1 + (0.1 * round) + (0.2 * second))), second == 3 ? 1L : 1L << (13 - step));

    private static LongHistogram Interval(int second, IEnumerable<(long Us, long Count)> values)
    {
        var histogram = LatencyHistogram.Create();
        foreach (var (us, count) in values)
        {
            histogram.RecordValueWithCount(us * 1000, count);
        }
        var start = ResultsSamples.Noon.AddSeconds(second).ToUnixTimeMilliseconds();
        histogram.StartTimeStamp = start;
        histogram.EndTimeStamp = start + (second == 3 ? 2 : 1000);
        return histogram;
    }

    private static string Log(string folder, HistogramBase[] intervals)
    {
        var path = Path.Combine(folder, "log");
        using var stream = File.Create(path);
        HistogramLogWriter.Write(stream, ResultsSamples.Noon.UtcDateTime, intervals);
        return path;
    }
}
