using Harness.Matrix;
using Harness.Report;
using Harness.Results;
using Harness.Tests.Unit;
using Harness.Timeline;
using static Microsoft.Playwright.Assertions;

namespace Harness.Tests.Browser;

/// <summary>The HTML report of a run with several ways of our client and a timeline.</summary>
public sealed class ReportSidesTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(400, true)]
    public async Task The_ways_stand_against_half_duplex_and_a_timeline_is_drawn_when_it_is_opened(int width, bool dark)
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Render(), width, dark, _complaints);
        await Expect(page.Locator("#sides h2")).ToHaveTextAsync("The client's two sides");
        await Expect(page.Locator("#sides table").First.Locator("tbody th, tbody td")).ToHaveTextAsync(["all", "4,000", "1.50", "0.50"]);
        await page.Locator("#sides summary").ClickAsync();
        await Expect(page.Locator("#sides svg rect")).ToHaveCountAsync(3);
        await Expect(page.Locator("#sides svg title").First).ToHaveTextAsync("Sending, waiting: 5.00 µs");
        await Expect(page.Locator("#sides details table tbody tr")).ToHaveCountAsync(1);
        await Expect(page.Locator("#sides details table tbody td").Last).ToHaveTextAsync("the server to answer");
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, $"sides-{width}.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    private string Render()
    {
        var cells = new[] { ("half", 1000.0), ("full", 1500.0), ("threads", 500.0) }
            .Select(way => (Cell: new Cell(new Dictionary<string, string> { ["backend"] = "uring", ["duplex"] = way.Item1 }), Iops: way.Item2))
            .ToArray();
        var records = from cell in cells from round in Enumerable.Range(1, 7) select ResultsSamples.Ok(cell.Cell, round, cell.Iops * round);
        var timeline = new TimelineDocument
        {
            Uri = "nbd://example",
            Ops = 3,
            Seconds = 1,
            Duplex = "half",
            Entries = 9,
            EntriesLost = 0,
            States =
            [
                new StateFigures
                {
                    Side = "read", State = "ReplyHeader", Sentence = "waiting for a reply's header", WaitsFor = "the server to answer",
                    Count = 3, TotalUs = 900, Share = 0.9, WaitedUs = 800, P50Us = 300, P99Us = 310,
                },
            ],
            Picture = new TimelinePicture
            {
                LengthUs = 8,
                Write = [new(0, 5, "Sending", true), new(5, 8, "Ready", true)],
                Read = [new(0, 8, "ReplyHeader", false)],
            },
        };
        var run = new RunData(_folder.Path, ResultsSamples.Run with { Rounds = 7 }, [.. records], [])
        {
            Timelines = [new TimelineRecord { Cell = cells[0].Cell.Id, Timeline = timeline }],
        };
        var path = _folder.File("report.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(run, null)));
        return path;
    }
}
