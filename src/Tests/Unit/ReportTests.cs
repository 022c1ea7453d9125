using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

public sealed class ReportTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_table_of_a_run_with_a_failed_and_a_skipped_cell()
    {
        var report = ReportBuilder.Build(RunReader.Read(Sample()));
        Assert.Equal(Table, ReportConsole.Draw(console => ReportTable.Write(report, console)));
    }

    [Fact]
    public void A_matrix_like_smoke_with_large_figures_fits_into_120_columns()
    {
        var folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        foreach (var backend in Matrix.Vocabulary.Backends)
        {
            foreach (var (depth, rw) in (ReadOnlySpan<(string, string)>)[("1", "read"), ("64", "write")])
            {
                var cell = new Matrix.Cell(new Dictionary<string, string> { ["backend"] = backend, ["depth"] = depth, ["rw"] = rw });
                folder.Append(ResultsSamples.Ok(cell, 1, 1_234_567, enters: 0.0312), ResultsSamples.Hlog(_folder.Path, "log", 100, 12_345));
                folder.Append(ResultsSamples.Ok(cell, 2, 1_134_567, enters: 0.0312), null);
            }
        }
        var report = ReportBuilder.Build(RunReader.Read(folder.Path));
        var lines = ReportConsole.Draw(console => ReportTable.Write(report, console)).Split('\n');
        Assert.All(lines, line => Assert.True(line.Length <= ReportConsole.Width, line));
    }

    [Fact]
    public void A_saturated_cell_has_no_ratio_and_its_latencies_stand_in_brackets_and_a_spoiled_one_is_marked()
    {
        var report = ReportBuilder.Build(ReportHtmlSamples.OpenRun(_folder.Path));
        var text = ReportConsole.Draw(console => ReportTable.Write(report, console));
        Assert.StartsWith(OpenTable, text[text.IndexOf(" rate ", StringComparison.Ordinal)..]);
        Assert.Contains("every cell: wait block · depth 64 · connections 1 · arrivals poisson · size 4k", text);
    }

    [Fact]
    public void A_cell_beside_a_saturated_epoll_has_no_ratio_either()
    {
        var run = ReportHtmlSamples.OpenRun(_folder.Path);
        bool? Turned(LoadResult load) => load.Saturated is null ? null : load.Backend == "epoll";
        var turned = run.Cells.Select(record => record with { Load = record.Load! with { Saturated = Turned(record.Load) } });
        var cells = ReportBuilder.Build(run with { Cells = [.. turned] }).Cells;
        Assert.All(cells, cell => Assert.Equal(cell.Axes["rate"] == "closed", cell.RatioToEpoll is not null));
    }

    [Fact]
    public void A_run_that_was_disturbed_throughout_names_the_first_cells_and_counts_the_others()
    {
        var run = ReportHtmlSamples.Run(_folder.Path);
        var report = ReportBuilder.Build(run with { Cells = [.. run.Cells.Select(record => record with { Warnings = [ReportHtmlSamples.Steal] })] });
        var lines = ReportConsole.Draw(console => ReportTable.Write(report, console)).Split('\n').Where(line => line.StartsWith('!')).ToList();
        Assert.Equal(9, lines.Count);
        Assert.StartsWith("!        backend=poll,depth=1,rw=read in rounds 1, 2, 3, as in round 1: the host gave 7 % of", lines[0], StringComparison.Ordinal);
        Assert.Equal("!        4 more cells in the same way; the HTML report and cells.jsonl have them all", lines[^1]);
    }

    [Fact]
    public void A_cell_that_paused_is_one_line_and_all_that_did_not_are_one()
    {
        var (epoll, poll) = (ResultsSamples.Cell("epoll", "read"), ResultsSamples.Cell("poll", "read"));
        var folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run with { GcPass = true }, "");
        folder.Append(ResultsSamples.Ok(epoll, 1, 1000), null);
        folder.Append(ResultsSamples.Ok(poll, 1, 1000), null);
        string Draw(ReportDocument report) => ReportConsole.Draw(console => ReportTable.Write(report, console));
        string[] Lines() => Draw(ReportBuilder.Build(RunReader.Read(folder.Path).WithGc())).Trim().Split('\n');

        Assert.Equal("gc pass  not done yet; harness run --resume RUN does it", Lines()[^1]);
        var files = new GcFiles(folder.Path);
        files.Write(GcSamples.Record(poll) with { Server = GcSamples.Quiet }, ResultsSamples.Hlog(_folder.Path, "log", 1, 100));
        Assert.Equal(
            ["gc pass  no collection in the traced pass (1 cell)", "gc pass  1 of 2 cells not traced yet; harness run --resume RUN does the rest"],
            Lines()[^2..]);
        files.Write(GcSamples.Record(epoll), ResultsSamples.Hlog(_folder.Path, "log", 1, 100));
        var lines = Lines();
        // A line of the report is folded at 120 columns.
        Assert.Equal(
            "pauses   backend=epoll,depth=64,rw=read: server 2, 12.9 ms in all, longest 12.0 ms, mostly for System.Byte[]; client none",
            string.Join(' ', lines.SkipWhile(line => !line.StartsWith("pauses", StringComparison.Ordinal))));
        files.Write(GcSamples.Record(poll) with { Status = CellStatus.Failed, Reason = "the server: cannot be traced", Server = null, Client = null }, null);
        Assert.Contains("untraced backend=poll,depth=64,rw=read: the server: cannot be traced", Lines());
    }

    [Fact]
    public void Ratios_are_paired_by_round()
    {
        var report = ReportBuilder.Build(RunReader.Read(Sample()));
        var uring = report.Cells.Single(cell => cell.Cell == "backend=uring,depth=64,rw=read");
        // 1.5, 1.4 and 1.8: not the ratio of the medians, which is 2800 / 2000 = 1.4.
        var ratio = uring.RatioToEpoll!;
        Assert.Equal([1.5, 1.4, 1.8], [Math.Round(ratio.Median, 9), Math.Round(ratio.Min, 9), Math.Round(ratio.Max, 9)]);
        Assert.Equal(2800, uring.Iops!.Median);
    }

    [Fact]
    public void Files_that_were_edited_or_cut_are_problems_and_no_crash()
    {
        var folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        folder.Append(ResultsSamples.Ok(ResultsSamples.Cell("epoll", "read"), 1, 1000), ResultsSamples.Hlog(_folder.Path, "log", 100, 12_345));
        var cells = Path.Combine(folder.Path, "cells.jsonl");
        var line = File.ReadAllText(cells);
        File.AppendAllText(cells, line.Replace("\"axes\":{", "\"axes\":null,\"old_axes\":{", StringComparison.Ordinal));
        // The same axes under another name: one of them is the baseline.
        File.AppendAllText(cells, line.Replace("\"cell\":\"", "\"cell\":\"other-", StringComparison.Ordinal));
        foreach (var log in Directory.GetFiles(Path.Combine(folder.Path, "hlog")))
        {
            File.WriteAllText(log, File.ReadAllText(log)[..^20]);
        }
        var report = ReportBuilder.Build(RunReader.Read(folder.Path));
        Assert.Equal(2, report.Cells.Count);
        Assert.StartsWith("cells.jsonl:2: damaged, left out", report.Problems[0], StringComparison.Ordinal);
        Assert.StartsWith("cannot read the latency log", report.Problems[1], StringComparison.Ordinal);
        Assert.All(report.Cells, cell => Assert.Null(cell.LatencyUs));

        var run = Path.Combine(folder.Path, "run.json");
        File.WriteAllText(run, File.ReadAllText(run).Replace("\"environment\": {", "\"environment\": null, \"old\": {", StringComparison.Ordinal));
        Assert.Contains("cannot read", Assert.Throws<HarnessException>(() => RunReader.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_epoll_has_no_ratios_and_no_zeros_in_their_place()
    {
        var folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        folder.Append(ResultsSamples.Ok(ResultsSamples.Cell("poll", "read"), 1, 1000), null);
        var cell = Assert.Single(ReportBuilder.Build(RunReader.Read(folder.Path)).Cells);
        Assert.Null(cell.RatioToEpoll);
        Assert.Null(cell.LatencyUs);
        Assert.Null(cell.Server!.EntersPerOp);
    }

    [Theory]
    [InlineData(null, "-")]
    [InlineData(0.0, "0")]
    [InlineData(0.0312, "0.031")]
    [InlineData(1.2345, "1.23")]
    [InlineData(9.996, "10.0")]
    [InlineData(12.345, "12.3")]
    [InlineData(99.96, "100")]
    [InlineData(1234.4, "1234")]
    public void Figures_have_three_digits_that_mean_something(double? value, string text) => Assert.Equal(text, Figures.Short(value));

    private string Sample()
    {
        var folder = ResultsFolder.Create(_folder.Path, ResultsSamples.Run, "");
        var (epoll, uring, poll) = (ResultsSamples.Cell("epoll", "read"), ResultsSamples.Cell("uring", "read"), ResultsSamples.Cell("uring-poll", "write"));
        double[] epollIops = [2000, 2000, 1000];
        double[] uringIops = [3000, 2800, 1800];
        for (var round = 1; round <= 3; round++)
        {
            folder.Append(ResultsSamples.Ok(uring, round, uringIops[round - 1], enters: 0.0312), ResultsSamples.Hlog(_folder.Path, "log", 100, 80, 85, 90));
            folder.Append(ResultsSamples.Ok(epoll, round, epollIops[round - 1]), ResultsSamples.Hlog(_folder.Path, "log", 100, 120, 500));
        }
        folder.Append(ResultsSamples.Ok(ResultsSamples.Cell("epoll", "write"), 1, 123456), null);
        folder.Append(ResultsSamples.Not(ResultsSamples.Cell("epoll", "write"), 2, CellStatus.Failed, "the server was killed by signal 11 (SIGSEGV)"), null);
        folder.Append(ResultsSamples.Not(poll, 0, CellStatus.Skipped, "io_uring is refused: the sysctl kernel.io_uring_disabled is 2"), null);
        return folder.Path;
    }

    private const string OpenTable = """
         rate    backend     iops   vs epoll     p50      p99    p99.9  lag p99  cpu µs/op    calls/op  enters/op  alloc B/op
        ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
         closed  epoll    150,002       1.00    1997    15213    34963        -  3.13/2.50  0.031/1.04          -         0/0
                 uring    150,002       1.00    3994    30425    69927        -  3.13/2.50  0.031/1.04          -         0/0

         2000    epoll !    2,000       1.00    1997    15213    34963     9.01  3.13/2.50  0.031/1.04          -         0/0
                 uring      2,000       1.00    3994    30425    69927     9.01  3.13/2.50  0.031/1.04          -         0/0

         100000  epoll    100,000       1.00    1997    15213    34963     9.01  3.13/2.50  0.031/1.04          -         0/0
                 uring     90,000  saturated  (3994)  (30425)  (69927)   (9.01)  3.13/2.50  0.031/1.04          -         0/0

        a/b is server/client; p50 to p99.9: latencies in µs; vs epoll: ratio of iops by round, median min..max
        with a rate, latencies count from when a request was due, and lag p99 says in µs how late requests were sent
        saturated: the server did not keep up; its (latencies) say how long the run was and rank nothing; lower the rate
        !        backend=epoll,depth=64,rate=2000,arrivals=poisson,rw=read in round 1: the host gave 7 % of the measured CPUs'
        time to other guests
                 remedy: measure again at a quieter time

        """;

    private const string Table = """
        sample · 0123456789 · 2026-03-01 12:00 UTC · 3 rounds · 1 s per cell after 0.5 s warm-up
        Example CPU(TM) 9000, 2 CPUs · Linux 6.12.0 · .NET 10.0.1
        every cell: wait block · depth 64 · connections 1 · size 4k · pattern random · transport unix · block memory:256M

        warning  there are two CPUs
                 remedy: use four


         rw     backend     iops         vs epoll   p50   p99  p99.9  cpu µs/op    calls/op    enters/op  alloc B/op
        ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
         read   epoll      2,000             1.00   120   500    500  3.13/2.50  0.031/1.04            -         0/0
                uring      2,800  1.50 1.40..1.80  85.1  90.0   90.0  3.13/2.50  0.031/1.04  0.031/0.031         0/0

         write  epoll    123,456             1.00     -     -      -  3.13/2.50  0.031/1.04            -         0/0

        a/b is server/client; p50 to p99.9: latencies in µs, closed loop; vs epoll: ratio of iops by round, median min..max
        failed   backend=epoll,depth=64,rw=write in 1 of 2 rounds: the server was killed by signal 11 (SIGSEGV)
        skipped  backend=uring-poll,depth=64,rw=write: io_uring is refused: the sysctl kernel.io_uring_disabled is 2
        gc pass  none; harness run --resume RUN --gc-pass adds one

        """;
}
