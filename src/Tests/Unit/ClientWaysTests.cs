using Harness.Matrix;
using Harness.Report;
using Harness.Results;
using Harness.Timeline;

namespace Harness.Tests.Unit;

/// <summary>The client's ways of working in the report, against each other, place by place; and its timelines, kept with the results and in the page.</summary>
public sealed class ClientWaysTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_way_stands_against_half_duplex_in_its_place_with_an_interval()
    {
        var places = Report().ClientWays;
        Assert.Equal(["4k", "256k"], places.Select(place => place.Axes["size"]));
        Assert.All(places, place => Assert.Equal("half", place.Baseline));
        Assert.Equal(["full", "threads"], places[0].Ways.Select(way => way.Way));
        var full = places[0].Ways[0].Ratio;
        Assert.Equal((1.5, 1.5, 1.5), (full.Median, Math.Round(full.Low!.Value, 9), Math.Round(full.High!.Value, 9)));
        Assert.Equal(0.5, places[1].Ways[1].Ratio.Median, 9);
    }

    [Fact]
    public void Libnbd_stands_in_the_same_place_though_its_client_is_another()
    {
        CellRecord[] records =
        [
            .. Six(Cell(("server", "nbdkit"), ("duplex", "half")), 1000),
            .. Six(Cell(("server", "nbdkit"), ("client", "fio")), 800),
            .. Six(Cell(("server", "qemu-nbd"), ("client", "fio")), 100),
        ];
        var place = Assert.Single(ReportBuilder.Build(Data(records)).ClientWays);
        var libnbd = Assert.Single(place.Ways);
        Assert.Equal((ClientWays.Libnbd, 0.8), (libnbd.Way, Math.Round(libnbd.Ratio.Median, 9)));
    }

    [Fact]
    public void What_recording_costs_stands_against_the_same_way_without()
    {
        CellRecord[] records = [.. Six(Cell(), 1000), .. Six(Cell(("timeline", "true")), 970)];
        var place = Assert.Single(ReportBuilder.Build(Data(records)).ClientWays);
        Assert.Equal(("full", "full, recorded", 0.97), (place.Baseline, place.Ways[0].Way, Math.Round(place.Ways[0].Ratio.Median, 9)));
    }

    [Fact]
    public void One_way_alone_is_no_table() => Assert.Empty(ReportBuilder.Build(Data([.. Six(Cell(), 1000), .. Six(Cell(("size", "64k")), 1000)])).ClientWays);

    [Fact]
    public void The_table_has_a_line_for_each_place()
    {
        string text = ReportConsole.Draw(console => ClientWaysTable.Write(Report().ClientWays, console));
        Assert.Contains("full / half", text, StringComparison.Ordinal);
        Assert.Contains("1.50 1.50..1.50", text, StringComparison.Ordinal);
        Assert.Contains("with one side at a time", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_timeline_is_read_back_and_stands_in_the_page()
    {
        var cell = Cell(("duplex", "half"));
        var files = new TimelineFiles(_folder.Path);
        Assert.False(files.IsDone(cell.Id));
        files.Write(new TimelineRecord { Cell = cell.Id, Timeline = Recorded });
        Assert.True(files.IsDone(cell.Id));
        var data = Data(Six(cell, 1000)).WithTimelines();
        Assert.Empty(data.Problems);
        var page = HtmlReportBuilder.Build(new HtmlSource(data));
        var timeline = Assert.Single(page.Timelines);
        Assert.Equal((cell.Id, "Sending", 7.5), (timeline.Cell, timeline.Timeline.Picture.Write[0].State, timeline.Timeline.Picture.Write[0].ToUs));
        Assert.Contains("\"from_us\":0,\"to_us\":7.5,\"state\":\"Sending\",\"waits\":true", HtmlPage.Render(page), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{", "damaged, left out (the file was cut short or edited)")]
    [InlineData("{\"schema\":9,\"cell\":\"x\",\"timeline\":null}", "damaged")]
    public void A_damaged_timeline_is_named_and_left_out(string text, string words)
    {
        Directory.CreateDirectory(_folder.File(TimelineFiles.Folder));
        File.WriteAllText(Path.Combine(_folder.Path, TimelineFiles.Folder, "x.json"), text);
        var data = Data(Six(Cell(), 1000)).WithTimelines();
        Assert.Empty(data.Timelines);
        Assert.Contains(words, Assert.Single(data.Problems), StringComparison.Ordinal);
    }

    private static TimelineDocument Recorded { get; } = new()
    {
        Uri = "nbd://example",
        Ops = 3,
        Seconds = 1,
        Duplex = "half",
        Entries = 9,
        EntriesLost = 0,
        States = [],
        Picture = new TimelinePicture { LengthUs = 7.5, Write = [new(0, 7.5, "Sending", true)], Read = [new(0, 7.5, "ReplyHeader", true)] },
    };

    private ReportDocument Report()
    {
        (string Size, string Duplex, double Iops)[] cells =
        [
            ("4k", "half", 1000), ("4k", "full", 1500), ("4k", "threads", 900), ("256k", "half", 100), ("256k", "full", 140), ("256k", "threads", 50),
        ];
        return ReportBuilder.Build(Data([.. cells.SelectMany(cell => Six(Cell(("size", cell.Size), ("duplex", cell.Duplex)), cell.Iops))]));
    }

    private RunData Data(IReadOnlyList<CellRecord> records) => new(_folder.Path, ResultsSamples.Run, records, []);

    private static Cell Cell(params (string Axis, string Value)[] values) =>
        new(values.Append(("backend", "uring")).ToDictionary(value => value.Item1, value => value.Item2));

    // The fewest rounds that give an interval. The whole run is slower in some; the ratio of a round does not care.
    private static CellRecord[] Six(Cell cell, double iops) =>
        [.. Enumerable.Range(1, 6).Select(round => ResultsSamples.Ok(cell, round, iops * (1 + (round * 0.1))))];
}
