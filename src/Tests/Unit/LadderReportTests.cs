using System.Text.Json;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Every rung beside the one below it, and every backend against epoll.</summary>
public sealed class LadderReportTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_rung_stands_beside_the_one_below_it_round_by_round()
    {
        var report = Report(2,
            (10_000, [("layer", "nop")]),
            (1000, [("layer", "exchange")]),
            (500, [("layer", "exchange"), ("wait", "spin")]),
            (800, [("backend", "uring"), ("block", "null:1M")]),
            (400, [("backend", "uring"), ("block", "memory:1M")]),
            (200, [("backend", "epoll"), ("block", "memory:1M")]),
            (100, [("backend", "uring"), ("block", "file:1M")]),
            (999, [("backend", "uring"), ("block", "memory:1M"), ("server", "nbdkit")]));
        Assert.Equal(2, report.Ladder.Count);
        var place = report.Ladder[0];
        Assert.Equal("block", place.Axes["wait"]);
        Assert.Equal(["nop", "exchange", "memory:1M", "null:1M", "memory:1M", "file:1M"], place.Rungs.Select(rung => rung.Rung));
        Assert.Equal([null, null, "epoll", "uring", "uring", "uring"], place.Rungs.Select(rung => rung.Backend));
        Assert.Equal([null, 0.1, 0.2, 0.8, 0.5, 0.25], place.Rungs.Select(rung => rung.RatioToBelow?.Median));
        Assert.Equal([null, null, 0.2, 0.8, 0.4, 0.1], place.Rungs.Select(rung => rung.RatioToLimit?.Median));
        var memory = place.Rungs[4];
        Assert.Equal(place.Rungs[3].Cell, memory.Below);
        // 2500 µs beside 1250 µs in the first round, half of both in the second.
        Assert.Equal((1250, 625), (memory.AddedUsPerOp!.Max, memory.AddedUsPerOp.Min));
        Assert.Null(place.Rungs[0].Below);
        // Spinning there is but the exchange, on the same NOPs.
        Assert.Equal(["nop", "exchange"], report.Ladder[1].Rungs.Select(rung => rung.Rung));
        Assert.Equal(0.05, report.Ladder[1].Rungs[1].RatioToBelow!.Median);
    }

    [Fact]
    public void A_store_stands_on_the_next_lower_rung_that_was_measured_with_the_same_load()
    {
        var report = Report(1,
            (1000, [("layer", "exchange")]),
            (500, [("backend", "uring"), ("block", "file:1M")]),
            (800, [("backend", "uring"), ("block", "null:1M"), ("depth", "1")]));
        Assert.Equal(0.5, report.Ladder.Single(place => place.Axes["depth"] == "64").Rungs[1].RatioToBelow!.Median);
        Assert.Null(Assert.Single(report.Ladder.Single(place => place.Axes["depth"] == "1").Rungs).Below);
    }

    [Fact]
    public void A_second_servers_memory_stands_on_memory_and_an_image_on_a_file()
    {
        string[] stores = ["memory", "file", "file-direct", "pattern", "nbd", "ext2"];
        (double, (string, string)[])[] cells =
        [
            .. stores.Select((store, n) => (1000.0 - n, ((string, string)[])[("backend", "uring"), ("block", $"{store}:1M")])),
            (2000, [("layer", "exchange")]),
        ];
        var rungs = Report(1, cells).Ladder.Single().Rungs;
        Assert.Equal(["exchange", .. stores.Select(store => $"{store}:1M")], rungs.Select(rung => rung.Rung));
        string[] under = ["exchange", "memory:1M", "file:1M", "file-direct:1M", "memory:1M", "file:1M"];
        Assert.Equal(under, rungs.Skip(1).Select(rung => rungs.Single(lower => lower.Cell == rung.Below).Rung));
    }

    [Fact]
    public void The_table_shows_the_rungs_and_leaves_those_below_nbd_out_of_the_other_one()
    {
        var report = Report(2, (10_000, [("layer", "nop")]), (1000, [("layer", "exchange")]), (800, [("backend", "uring"), ("block", "null:1M")]));
        var text = ReportConsole.Draw(console => ReportTable.Write(report, console));
        Assert.Matches(@"backend +rung +iops +µs/op +of below +adds µs/op +of exchange +cpu µs/op", text);
        Assert.Matches(@"\n +nop +15,000 +75\.0 +- +- +- ", text);
        Assert.Matches(@"\n +exchange +1,500 +750 +0\.10 +675 +- ", text);
        Assert.Matches(@"\n +uring +null:1M +1,200 +938 +0\.80 +188 +0\.80 ", text);
        Assert.Single(text.Split('\n'), line => line.Contains(" exchange ", StringComparison.Ordinal) && line.Contains("1,500", StringComparison.Ordinal));
        Assert.Contains("every cell: wait block · depth 64 · connections 1 · size 4k · rw read", text);
        // What a rung does not have is nowhere shown as a value.
        Assert.DoesNotContain(" none", text[..text.IndexOf("gc pass", StringComparison.Ordinal)]);
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(report, ResultsJson.Document.ReportDocument));
        var rung = json.RootElement.GetProperty("ladder")[0].GetProperty("rungs")[2];
        Assert.Equal(
            [
                "cell", "rung", "backend", "iops", "us_per_op", "below", "ratio_to_below", "added_us_per_op", "ratio_to_limit",
                "server_cpu_us_per_op", "client_cpu_us_per_op",
            ],
            rung.EnumerateObject().Select(member => member.Name));
        Assert.Equal(0.8, rung.GetProperty("ratio_to_limit").GetProperty("median").GetDouble());
    }

    [Fact]
    public void Without_a_rung_below_nbd_there_is_no_ladder()
    {
        var report = Report(2, (800, [("backend", "uring"), ("block", "null:1M")]), (400, [("backend", "uring")]));
        Assert.Empty(report.Ladder);
        Assert.DoesNotContain("ladder", ReportConsole.Draw(console => ReportTable.Write(report, console)));
    }

    [Fact]
    public void The_page_has_the_ladder_and_the_backends_against_epoll()
    {
        var source = new HtmlSource(Run(7, (1000, [("layer", "exchange")]), (800, [("backend", "uring")]), (900, [("backend", "epoll")])), null);
        var page = HtmlReportBuilder.Build(source);
        Assert.Equal(["exchange", "memory:256M", "memory:256M"], Assert.Single(page.Ladders).Place.Rungs.Select(rung => rung.Rung));
        Assert.Equal("uring", Assert.Single(page.Runs[0].AgainstEpoll).Backend);
        Assert.Contains("\"ladders\":[{", HtmlPage.Render(page));
    }

    [Fact]
    public void A_cell_is_marked_where_its_whole_interval_lies_below_95_percent_and_the_median_is_over_all_cells()
    {
        var report = Report(7,
            (1000, [("backend", "epoll")]), (900, [("backend", "uring")]), (960, [("backend", "poll")]),
            (1000, [("backend", "epoll"), ("depth", "1")]), (1500, [("backend", "uring"), ("depth", "1")]));
        var uring = report.AgainstEpoll.Single(backend => backend.Backend == "uring");
        Assert.Equal((1.2, 2, 2), (Math.Round(uring.MedianRatio, 9), uring.Cells, uring.CellsWithInterval));
        Assert.Equal("backend=uring,depth=64,rw=read", Assert.Single(uring.BehindCells));
        Assert.Empty(report.AgainstEpoll.Single(backend => backend.Backend == "poll").BehindCells);
        var text = ReportConsole.Draw(console => ReportTable.Write(report, console));
        Assert.Matches(@"\n +depth +poll +uring *\n", text);
        Assert.Matches(@"\n +1 +- +1\.50 1\.50\.\.1\.50 *\n", text);
        Assert.Matches(@"\n +64 +0\.96 0\.96\.\.0\.96 +0\.90 0\.90\.\.0\.90 ▼ *\n", text);
        Assert.Contains("uring: median 1.20 over 2 cells; 1 of 2 behind", text);
    }

    [Theory]
    [InlineData(0.94, true)]
    [InlineData(0.96, false)]
    public void One_round_of_seven_above_the_limit_is_enough_to_leave_it_open(double best, bool behind) =>
        Assert.Equal(behind, BackendRatios.IsBehind(Spread.Of([0.8, 0.9, 0.9, 0.9, 0.9, 0.91, best])));

    [Fact]
    public void With_fewer_than_six_rounds_there_is_no_interval_and_no_table_of_them()
    {
        var report = Report(5, (1000, [("backend", "epoll")]), (900, [("backend", "uring")]));
        Assert.Null(report.Cells[0].Iops!.Low);
        Assert.Empty(Assert.Single(report.AgainstEpoll).BehindCells);
        Assert.DoesNotContain("behind", ReportConsole.Draw(console => ReportTable.Write(report, console)));
    }

    // From the binomial distribution: the chance that so many of n figures lie on one side of the median, twice, is 5 % at most.
    [Theory]
    [InlineData(5, null)]
    [InlineData(6, 1)]
    [InlineData(8, 1)]
    [InlineData(9, 2)]
    [InlineData(12, 3)]
    [InlineData(20, 6)]
    [InlineData(100, 40)]
    public void The_interval_of_the_median_leaves_out_as_many_figures_as_the_sign_test_allows(int figures, int? lowest)
    {
        var interval = MedianInterval.Of([.. Enumerable.Range(1, figures).Select(figure => (double)figure)]);
        Assert.Equal(lowest is { } low ? (low, figures + 1 - low) : null, interval);
    }

    private ReportDocument Report(int rounds, params (double Iops, (string Axis, string Value)[] Axes)[] cells) => ReportBuilder.Build(Run(rounds, cells));

    private RunData Run(int rounds, params (double Iops, (string Axis, string Value)[] Axes)[] cells) => new(_folder.Path, ResultsSamples.Run,
    [
        .. from cell in cells
           from round in Enumerable.Range(1, rounds)
           select ResultsSamples.Ok(new Cell(cell.Axes.ToDictionary(axis => axis.Axis, axis => axis.Value)), round, cell.Iops * round),
    ], []);
}
