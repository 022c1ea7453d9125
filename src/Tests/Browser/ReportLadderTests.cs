using Harness.Matrix;
using Harness.Report;
using Harness.Results;
using Harness.Tests.Unit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Harness.Tests.Browser;

/// <summary>The HTML report of a run with rungs below NBD, and of seven rounds.</summary>
public sealed class ReportLadderTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(400, true)]
    public async Task Every_rung_stands_in_the_ladder_and_those_below_nbd_nowhere_else(int width, bool dark)
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Render(), width, dark, _complaints);
        await Expect(page.Locator("#ladder h2")).ToHaveTextAsync("The ladder: what each layer costs");
        var rows = page.Locator("#ladder table tbody tr");
        await Expect(rows).ToHaveCountAsync(4);
        await Expect(rows.Nth(0).Locator("th, td")).ToHaveTextAsync(["nop", "40.0 M", "0.025 µs", "–", "–", "–", "– / 2.50 µs"]);
        await Expect(rows.Nth(1).Locator("th, td")).ToHaveTextAsync(["exchange", "4.00 M", "0.250 µs", "0.10", "0.225 µs", "–", "3.13 / 2.50 µs"]);
        await Expect(rows.Nth(3).Locator("th, td")).ToHaveTextAsync(["memory:256Muring", "1.00 M", "1.00 µs", "0.25", "0.750 µs", "0.25", "3.13 / 2.50 µs"]);
        // The comparison knows two backends, and no third one of the name of nothing.
        await Expect(page.Locator("#overview table thead th")).ToHaveTextAsync(["", "epoll", "uring"]);
        await Expect(page.Locator(".against li")).ToContainTextAsync("median ratio to epoll 0.50 over 1 cell; the 95 % interval lies wholly below 0.95 in 1 cell: backend=uring,depth=64,rw=read");
        Assert.DoesNotContain("none", await page.Locator("#overview-table").InnerTextAsync());
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, $"ladder-{width}.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    private string Render()
    {
        (double Iops, Dictionary<string, string> Axes)[] cells =
        [
            (10_000_000, new() { ["layer"] = "nop" }), (1_000_000, new() { ["layer"] = "exchange" }),
            (500_000, new() { ["backend"] = "epoll" }), (250_000, new() { ["backend"] = "uring" }),
        ];
        var records =
            from cell in cells
            from round in Enumerable.Range(1, 7)
            let record = ResultsSamples.Ok(new Cell(cell.Axes), round, cell.Iops * round)
            select cell.Axes.ContainsValue("nop") ? record with { Load = record.Load! with { Server = null } } : record;
        var run = new RunData(_folder.Path, ResultsSamples.Run with { Rounds = 7 }, [.. records], []);
        var path = _folder.File("report.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(run, null)));
        return path;
    }
}
