using Harness.Matrix;
using Harness.Report;
using Harness.Results;
using Harness.Tests.Unit;
using static Microsoft.Playwright.Assertions;

namespace Harness.Tests.Browser;

/// <summary>The HTML report of a run with cells of the pipe test.</summary>
public sealed class ReportEventsTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(400, true)]
    public async Task Every_variant_stands_beside_its_ratios_with_a_sentence_below(int width, bool dark)
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Render(), width, dark, _complaints);
        await Expect(page.Locator("#events h2")).ToHaveTextAsync("Events: what one costs");
        await Expect(page.Locator("#events caption")).ToHaveTextAsync("8 tokens in 32 pipes");
        var rows = page.Locator("#events table tbody tr");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(rows.Nth(0).Locator("th, td")).ToHaveTextAsync(["epoll maxevents-1", "500 k", "1.00", "0.71", "3.00", "–"]);
        // Six rounds as all others, one in which it was slower than in the rest.
        await Expect(rows.Nth(2).Locator("th, td")).ToHaveTextAsync(["uring-poll multishot", "750 k", "1.500.75–1.50", "1.070.54–1.07", "2.10", "1.00"]);
        await Expect(rows.Nth(2).Locator(".interval .bar")).ToHaveCountAsync(2);
        await Expect(page.Locator("#events .note")).ToContainTextAsync("The most events come from uring-poll multishot, 1.50 times those of epoll maxevents-1, at 2.10 system calls");
        await Expect(page.Locator("#overview .note")).ToHaveTextAsync("No cell of NBD has figures; the pipe test stands under events.");
        Assert.DoesNotContain("none", await page.Locator("#top").InnerTextAsync());
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, $"events-{width}.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    private string Render()
    {
        (string Backend, string Variant, double PerSecond, double Calls, double? Cqes)[] cells =
        [
            ("epoll", "maxevents-1", 500_000, 3, null), ("epoll", "maxevents-64", 700_000, 2.1, null), ("uring-poll", "multishot", 750_000, 2.1, 1),
        ];
        var records =
            from cell in cells
            from round in Enumerable.Range(1, 7)
            let axes = new Dictionary<string, string>
            {
                ["layer"] = Vocabulary.Events,
                ["backend"] = cell.Backend,
                ["variant"] = cell.Variant,
                ["tokens"] = "8",
            }
            let isSlow = round == 4 && cell.Variant == "multishot"
            let record = ResultsSamples.Ok(new Cell(axes), round, isSlow ? cell.PerSecond / 2 : cell.PerSecond)
            let costs = new SideCosts { SyscallsPerOp = cell.Calls, CqesPerOp = cell.Cqes, AllocatedBytesPerOp = 0 }
            select record with { Load = record.Load! with { Server = null, Client = costs } };
        var run = new RunData(_folder.Path, ResultsSamples.Run with { Rounds = 7 }, [.. records], []);
        var path = _folder.File("report.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(run, null)));
        return path;
    }
}
