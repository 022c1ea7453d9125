using Harness.Report;
using Harness.Tests.Unit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Harness.Tests.Browser;

/// <summary>The HTML report of open loops: three curves, a saturated cell, a round that was spoiled.</summary>
public sealed class ReportOpenLoopTests : IDisposable
{
    // Groups in their order: the closed loop, 2,000 and 100,000 per second.
    private const string Lower = "#group-2";
    private const string Higher = "#group-3";

    private readonly TempDir _folder = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(400, true)]
    public async Task Every_chart_has_marks_in_every_choice_of_curves(int width, bool dark)
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await OpenAsync(chromium, width, dark);
        // One for the knee, two for each group.
        Assert.Equal(7, await page.Locator(".chart canvas").CountAsync());
        foreach (var view in new[] { "service", "lag", "of epoll", "of uring", "latency" })
        {
            foreach (var choice in await page.Locator(".curves select").AllAsync())
            {
                await choice.SelectOptionAsync(view);
            }
            await ReportPage.DrawAllAsync(page);
            await AssertMarksAsync(page, ".curves canvas");
            Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        }
        // A canvas is read once: Chromium complains of more. Those with a choice were made anew for each.
        await AssertMarksAsync(page, "#knee canvas, .pair > figure canvas");
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, $"open-{width}-{(dark ? "dark" : "light")}.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task The_three_histograms_of_a_cell_are_three_curves_and_hover_reads_them()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await OpenAsync(chromium, 1280, dark: false);
        // A closed loop has only the one.
        await Expect(page.Locator("#group-1 .curves")).ToHaveCountAsync(0);
        await page.Locator($"{Lower} .curves select").SelectOptionAsync("of epoll");
        var chart = page.Locator($"{Lower} .curves figure");
        await Expect(chart.Locator(".u-legend th")).ToHaveTextAsync(["percentile", "latency", "service time", "send lag"]);
        await ReportPage.DrawAllAsync(page);
        await chart.Locator(".u-over").HoverAsync();
        await Expect(chart.Locator(".u-legend .u-value").Last).ToContainTextAsync("µs");
        await chart.Locator("summary").ClickAsync();
        await Expect(chart.Locator("details tbody tr").Nth(2).Locator("th, td")).ToHaveTextAsync(["99 %", "15.2 ms", "88.1 µs", "9.01 µs"]);
        // What was chosen stays when something else is.
        await page.Locator("#which").SelectOptionAsync("p50");
        Assert.Equal("of epoll", await page.Locator($"{Lower} .curves select").InputValueAsync());
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task A_saturated_cell_is_marked_wherever_it_stands_and_has_no_ratio()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await OpenAsync(chromium, 1280, dark: false);
        var row = page.Locator("#overview tbody tr").Last.Locator("td");
        await Expect(row.First).ToContainTextAsync("kept up");
        await Expect(row.Last).ToHaveTextAsync("90.0 k/s of 100 k/ssaturated");
        await page.Locator("#measure").SelectOptionAsync("latency");
        var latencies = page.Locator("#overview tbody tr");
        await Expect(latencies.Nth(1).Locator("td").Last).ToContainTextAsync("0.50 ▲");
        await Expect(latencies.Last.Locator("td strong")).ToHaveTextAsync(["1"]);
        await Expect(latencies.Last.Locator(".badge")).ToHaveTextAsync("saturated");

        await Expect(page.Locator($"{Lower} .reasons li")).ToContainTextAsync("uring: faster in every round, 0.50 times the p99 of epoll");
        await Expect(page.Locator($"{Higher} .reasons li")).ToContainTextAsync("uring: saturated, so there is no ratio: it did not keep up with 100 k/s in 1 of 2 rounds (90.0 k/s done)");
        await Expect(page.Locator($"{Higher} .curves .u-legend th")).ToHaveTextAsync(["percentile", "epoll", "uring (saturated)"]);
        var speeds = page.Locator($"{Higher} .pair.open table").First.Locator("tbody tr");
        await Expect(speeds.Last.Locator(".badge")).ToHaveTextAsync("saturated");
        // Latencies and send lag, not the service time.
        await Expect(speeds.Last.Locator(".unranked")).ToHaveCountAsync(5);
        await Expect(speeds.First.Locator(".unranked")).ToHaveCountAsync(0);

        await ReportPage.DrawAllAsync(page);
        var knee = page.Locator("#knee figure");
        await Expect(knee.Locator("figcaption")).ToContainTextAsync("× saturated");
        await knee.Locator(".u-wrap").FocusAsync();
        for (var point = 0; point < 3; point++)
        {
            await page.Keyboard.PressAsync("ArrowRight");
        }
        // By throughput: 2,000 twice, then the rate that uring did not reach.
        await Expect(knee.Locator("[aria-live]")).ToContainTextAsync("uring, rate 100,000/s (saturated), 90.0 k/s:");
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task A_spoiled_round_is_marked_beside_its_figures_and_on_the_chart_with_what_to_do()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await OpenAsync(chromium, 1280, dark: false);
        const string What = "spoiled in round 1: steal";
        // In the overview and in the table of speeds, each once.
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = What })).ToHaveCountAsync(2);
        var list = page.Locator(".spoiled");
        await Expect(list).ToHaveCountAsync(1);
        await Expect(page.Locator($"{Lower} .spoiled")).ToContainTextAsync("What to do: measure again at a quieter time");
        await Expect(list.Locator("li")).ToHaveTextAsync(["epoll in round 1: the host gave 7 % of the measured CPUs' time to other guests"]);

        var chart = page.Locator($"{Lower} figure").Last;
        await Expect(chart.Locator("figcaption")).ToContainTextAsync("this round of that line was spoiled");
        await Expect(page.Locator($"{Higher} figure").Last.Locator("figcaption")).Not.ToContainTextAsync("spoiled");
        await chart.Locator("summary").ClickAsync();
        var rows = chart.Locator("details tbody tr");
        await Expect(rows.First.Locator("td").First).ToHaveTextAsync("11.6 ms !");
        await Expect(rows.First.Locator("td").Last).Not.ToContainTextAsync("!");
        await Expect(rows.Last.Locator("td").First).Not.ToContainTextAsync("!");
        // The bar at the foot, in epoll's colour: none under the other round.
        var bars = await chart.Locator("canvas").EvaluateAsync<int[]>(BlueAtTheFoot);
        Assert.InRange(bars[0], 50, int.MaxValue);
        Assert.Equal(0, bars[1]);
        Assert.Empty(_complaints);
    }

    // Blue pixels in the rows just above the axis, left and right of the chart's middle.
    private const string BlueAtTheFoot = """
        canvas => {
          const over = canvas.parentElement.querySelector(".u-over");
          const scale = canvas.width / canvas.clientWidth;
          const [left, width] = [over.offsetLeft * scale, over.offsetWidth * scale];
          const top = (over.offsetTop + over.offsetHeight - 5) * scale;
          const { data } = canvas.getContext("2d").getImageData(left, top, width, 5 * scale);
          const found = [0, 0];
          for (let at = 0; at < data.length; at += 4) {
            const [r, g, b, a] = data.subarray(at, at + 4);
            if (a > 200 && b - r > 100) found[(at / 4) % Math.round(width) < width / 2 + 4 ? 0 : 1]++;
          }
          return found;
        }
        """;

    private static async Task AssertMarksAsync(IPage page, string canvases)
    {
        foreach (var chart in await page.Locator(canvases).AllAsync())
        {
            Assert.InRange(await chart.EvaluateAsync<int>(ReportPage.Marks), 50, int.MaxValue);
        }
    }

    private async Task<IPage> OpenAsync(Chromium chromium, int width, bool dark)
    {
        var path = _folder.File("open.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(ReportHtmlSamples.OpenRun(_folder.Path))));
        var page = await chromium.OpenAsync(path, width, dark, _complaints);
        await ReportPage.DrawAllAsync(page);
        return page;
    }
}
