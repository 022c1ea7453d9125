using HdrHistogram;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>A made-up run as the HTML report needs it: four backends at three depths, three rounds of three seconds, a traced pass.</summary>
internal static class ReportHtmlSamples
{
    public const int Rounds = 3;

    private static readonly string[] Backends = ["poll", "epoll", "uring-poll", "uring"];
    private static readonly string[] Depths = ["1", "16", "64"];

    /// <summary>Writes the run and reads it back.</summary>
    public static RunData Run(string root, RunRecord? run = null)
    {
        var folder = ResultsFolder.Create(root, run ?? ResultsSamples.Run, "");
        for (var round = 1; round <= Rounds; round++)
        {
            foreach (var depth in Depths)
            {
                foreach (var backend in Backends)
                {
                    var cell = Cell(backend, depth);
                    folder.Append(Record(cell, round), Log(root, Intervals(cell, round)));
                }
            }
        }
        folder.Append(ResultsSamples.Not(Cell("poll", "256"), 1, CellStatus.Failed, "the server was killed by signal 11 (SIGSEGV)"), null);
        return RunReader.Read(folder.Path);
    }

    /// <summary>
    /// A closed loop and two rates, on epoll and uring, two rounds: uring did not keep up with the higher rate in round 2, and epoll was disturbed in
    /// round 1 of the lower one.
    /// </summary>
    public static RunData OpenRun(string root)
    {
        var folder = ResultsFolder.Create(root, ResultsSamples.Run with { Rounds = 2 }, "");
        for (var round = 1; round <= 2; round++)
        {
            foreach (var backend in new[] { "epoll", "uring" })
            {
                foreach (var rate in new[] { "100000", "closed", "2000" })
                {
                    var cell = new Cell(new Dictionary<string, string> { ["backend"] = backend, ["rate"] = rate, ["arrivals"] = "poisson" });
                    folder.Append(OpenRecord(cell, round), OpenLog(root, cell, round));
                }
            }
        }
        return RunReader.Read(folder.Path);
    }

    public static readonly Warning Steal = new("steal", "the host gave 7 % of the measured CPUs' time to other guests", "measure again at a quieter time");

    private static CellRecord OpenRecord(Cell cell, int round)
    {
        var saturated = cell["rate"] == "100000" && cell.Backend == "uring" && round == 2;
        var record = ResultsSamples.Ok(cell, round, !cell.IsOpenLoop ? 150_000 + round : saturated ? 80_000 : double.Parse(cell["rate"]));
        var p99 = (cell.Backend == "uring" ? 100 : 200) + round;
        var open = record.Load! with
        {
            Arrivals = cell.IsOpenLoop ? "poisson" : "closed",
            LatencyUs = new LatencySummary { Min = 10, P50 = 50, P90 = 80, P99 = p99, P999 = 300, Max = 400, Mean = 60, Count = 1000 },
            RateOffered = cell.IsOpenLoop ? double.Parse(cell["rate"]) : null,
            Saturated = cell.IsOpenLoop ? saturated : null,
        };
        return record with { Load = open, Warnings = cell["rate"] == "2000" && cell.Backend == "epoll" && round == 1 ? [Steal] : [] };
    }

    private static string OpenLog(string root, Cell cell, int round)
    {
        var path = Log(root, Intervals(cell, round));
        foreach (var kind in LatencyKinds.All.Where(kind => kind != LatencyKind.Latency))
        {
            var beside = LatencyKinds.Beside(path, kind);
            File.Delete(beside);
            if (cell.IsOpenLoop)
            {
                // A tenth of the latency is lag.
                var values = Values(kind == LatencyKind.Service ? 9 : 1, round, 0);
                Write(beside, Interval(0, values));
            }
        }
        return path;
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
            Load = load with
            {
                Client = load.Client with { SyscallsPerOp = calls },
                Server = load.Server! with { SyscallsPerOp = calls },
                Explain = cell.Backend == "uring" ? ExplainSamples.Uring : ExplainSamples.Epoll,
            },
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
        Write(path, intervals);
        return path;
    }

    private static void Write(string path, params HistogramBase[] intervals)
    {
        using var stream = File.Create(path);
        HistogramLogWriter.Write(stream, ResultsSamples.Noon.UtcDateTime, intervals);
    }
}
