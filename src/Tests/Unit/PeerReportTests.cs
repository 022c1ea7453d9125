using HdrHistogram;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>What peers report, in our terms, and how a run with peers is shown.</summary>
public sealed class PeerReportTests : IDisposable
{
    // As fio 3.33 writes it, shortened: 70 % reads by two jobs, the longer of which read for half a second.
    private const string Fio = """
        fio: connected to NBD server
        {
          "fio version" : "fio-3.33", "timestamp_ms" : 1795264825175,
          "jobs" : [ {
            "error" : 0, "job_runtime" : 1000, "usr_cpu" : 5.0, "sys_cpu" : 20.0, "ctx" : 500,
            "read" : { "io_bytes" : 2867200, "runtime" : 500, "total_ios" : 700,
              "lat_ns" : { "min" : 9000, "max" : 41000, "mean" : 20000.0, "N" : 700, "bins" : { "10000" : 350, "40000" : 350 } },
              "clat_ns" : { "min" : 8000, "max" : 40000, "mean" : 19000.0, "N" : 700, "bins" : { "9000" : 700 } } },
            "write" : { "io_bytes" : 1228800, "runtime" : 499, "total_ios" : 300,
              "lat_ns" : { "min" : 8500, "max" : 90000, "mean" : 30000.0, "N" : 300, "bins" : { "80000" : 300 } },
              "clat_ns" : { "min" : 8000, "max" : 89000, "mean" : 29000.0, "N" : 300, "bins" : { "79000" : 300 } } }
          } ]
        }
        """;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Fio_says_the_same_in_other_words()
    {
        var result = FioResult.Read(Write(Fio));
        var load = result.Load;
        Assert.Equal((1000, 0, 0.5, 2000.0, 8_192_000.0), (load.Ops, load.Errors, load.Seconds, load.Iops, load.BytesPerSecond));
        Assert.Equal((null, null, "closed"), (load.Backend, load.Wait, load.Arrivals));
        // A quarter of the two jobs' second, for a thousand operations.
        Assert.Equal((250.0, 0.5), (load.Client.CpuUsPerOp!.Value, load.Client.ContextSwitchesPerOp!.Value));
        Assert.Equal((8.5, 90.0, 23.0, 1000), (load.LatencyUs!.Min, load.LatencyUs.Max, load.LatencyUs.Mean, load.LatencyUs.Count));
        Assert.InRange(load.LatencyUs.P50, 39.9, 40.1);
        Assert.InRange(load.ServiceUs!.P50, 8.9, 9.1);
        result.WriteLog(_folder.File("log"));
        using var log = File.OpenRead(_folder.File("log"));
        var interval = Assert.Single(HistogramLogReader.Read(log));
        Assert.Equal((1000, 500), (interval.TotalCount, interval.EndTimeStamp - interval.StartTimeStamp));
    }

    [Fact]
    public void Without_bins_there_are_no_latencies_and_no_log()
    {
        var result = FioResult.Read(Write(Fio.Replace("\"bins\"", "\"other\"", StringComparison.Ordinal)));
        Assert.Equal((null, null, 1000), (result.Load.LatencyUs, result.Load.ServiceUs, result.Load.Ops));
        result.WriteLog(_folder.File("log"));
        Assert.False(File.Exists(_folder.File("log")));
    }

    [Fact]
    public void An_error_of_fio_is_an_error()
    {
        var load = FioResult.Read(Write(Fio.Replace("\"error\" : 0", "\"error\" : 5", StringComparison.Ordinal))).Load;
        Assert.Equal((1, "fio ended with error 5 (errno)"), (load.Errors, load.FirstError));
    }

    [Fact]
    public void With_peers_the_report_compares_servers_with_the_client_held_still()
    {
        CellRecord[] records =
        [
            .. Rounds(("server", "nbdkit", 100), ("server", "qemu-nbd", 50), ("client_backend", "uring", 400)),
            .. Rounds(("client", "fio", 90)),
        ];
        var report = ReportBuilder.Build(new RunData(_folder.Path, ResultsSamples.Run, records, []));
        Assert.True(report.HasPeers);
        var cells = report.Cells.ToDictionary(cell => $"{cell.Axes["backend"]} by {cell.Axes["client"]}");
        Assert.Equal(["epoll by fio", "epoll by uring block", "nbdkit by uring block", "qemu-nbd by uring block"], cells.Keys.Order());
        Assert.Equal(("nbdkit", 4.0), (cells["epoll by uring block"].BestPeer, cells["epoll by uring block"].RatioToPeer!.Median));
        Assert.Equal(0.5, cells["qemu-nbd by uring block"].RatioToPeer!.Median);
        // Nobody else was driven by fio.
        Assert.Null(cells["epoll by fio"].RatioToPeer);
        var table = ReportConsole.Draw(console => ReportTable.Write(report, console));
        Assert.Matches(@"client +server +iops +vs peer", table);
        Assert.Matches(@"uring block +epoll +600 +4\.00 ", table);
        Assert.DoesNotContain("client_backend", table);
        Assert.Equal("nbdkit", PeerView.OftenBest([report]));
    }

    [Fact]
    public void Without_peers_it_compares_backends_as_ever()
    {
        var report = ReportBuilder.Build(new RunData(_folder.Path, ResultsSamples.Run, [ResultsSamples.Ok(ResultsSamples.Cell("epoll", "read"), 1, 10)], []));
        Assert.False(report.HasPeers);
        var table = ReportConsole.Draw(console => ReportTable.Write(report, console));
        Assert.Contains("vs epoll", table);
        Assert.DoesNotContain("server harness", table);
    }

    private static IEnumerable<CellRecord> Rounds(params (string Axis, string Value, double Iops)[] cells) =>
        from cell in cells
        from round in (int[])[1, 2]
        let backend = cell.Axis == "server" ? "uring" : "epoll"
        select ResultsSamples.Ok(new Cell(new Dictionary<string, string> { ["backend"] = backend, [cell.Axis] = cell.Value }), round, cell.Iops * round);

    private string Write(string json)
    {
        File.WriteAllText(_folder.File("fio.json"), json);
        return _folder.File("fio.json");
    }
}
