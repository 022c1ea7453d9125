using System.Text.RegularExpressions;
using Harness.Report;
using Harness.Results;
using Harness.Tests.Unit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Harness.Tests.Browser;

/// <summary>The HTML report as a reader has it: opened from a file, without network. HARNESS_TEST_SCREENSHOTS=DIR keeps the pictures.</summary>
public sealed partial class ReportPageTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(1280, true)]
    [InlineData(400, false)]
    [InlineData(400, true)]
    public async Task Every_chart_has_marks_and_nothing_is_wider_than_the_window(int width, bool dark)
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), width, dark, _complaints);
        var charts = await ReportPage.DrawAllAsync(page);
        // One for the knee, and two for each depth.
        Assert.Equal(7, charts.Count);
        foreach (var chart in charts)
        {
            Assert.InRange(await chart.EvaluateAsync<int>(ReportPage.Marks), 50, int.MaxValue);
        }
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, $"report-{width}-{(dark ? "dark" : "light")}.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Hovering_and_arrow_keys_show_values()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), 1280, false, _complaints);
        await ReportPage.DrawAllAsync(page);
        foreach (var chart in await page.Locator("figure").AllAsync())
        {
            await chart.ScrollIntoViewIfNeededAsync();
            var values = chart.Locator(".u-legend .u-value");
            Assert.DoesNotContain("µs", string.Concat(await values.AllTextContentsAsync()));
            await chart.Locator(".u-over").HoverAsync();
            await Expect(chart.Locator(".u-legend")).ToContainTextAsync(HasTime());
        }
        var first = page.Locator("#group-1 figure").First;
        await first.Locator(".u-wrap").FocusAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(first.Locator("[aria-live]")).ToHaveTextAsync(SaysEveryLine());
        await first.Locator("summary").ClickAsync();
        // As far as some 147 thousand values know percentiles, and the greatest.
        await Expect(first.Locator("details tbody th")).ToHaveTextAsync(["50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "greatest"]);
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task The_baseline_can_be_chosen_and_a_sentence_says_why()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), 1280, false, _complaints);
        Assert.Equal("epoll", await page.Locator("#baseline").InputValueAsync());
        Assert.Equal(
            "At depth 1, epoll makes 3.0 system calls per operation in the server, poll 3.0, uring-poll 3.0, uring 2.0.",
            await page.Locator("#group-1 .lead").TextContentAsync());
        Assert.StartsWith(
            "uring: faster in every round, 1.40 times the operations of epoll (1.40 to 1.40 over 3 rounds). Per operation in the server: 2.00 system calls against 3.00",
            await page.Locator("#group-1 .reasons li").Last.TextContentAsync());
        Assert.Equal("0.80", await page.Locator("#overview tbody tr").First.Locator("td").First.Locator("strong").TextContentAsync());

        await page.Locator("#baseline").SelectOptionAsync("uring");
        Assert.Equal("0.57", await page.Locator("#overview tbody tr").First.Locator("td").First.Locator("strong").TextContentAsync());
        await page.Locator("#by").SelectOptionAsync("depth");
        Assert.Equal(["epoll", "poll", "uring", "uring-poll"], (await page.Locator("#overview tbody th").AllTextContentsAsync()).Order());
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Where_the_time_goes_is_a_table_behind_a_click_and_explains_a_ratio()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), 400, false, _complaints);
        Assert.EndsWith(
            " In the server: 0.200 µs less in the kernel, 0.200 µs more asleep; 32.0 requests per receive against 63.5.",
            await page.Locator("#group-3 .reasons li").Last.TextContentAsync());
        Assert.DoesNotContain("In the client: ", await page.Locator("#group-3").TextContentAsync());

        var details = page.Locator("#group-3 > details");
        await details.Locator("summary").ClickAsync();
        var rows = details.Locator("table").First.Locator("tbody tr");
        await Expect(rows.Filter(new() { HasText = "in the kernel, µs" }).Locator("td")).ToHaveTextAsync(
            [.. Enumerable.Repeat("0.400 (40 %) / 0.200 (20 %)", 3), "0.200 (20 %) / 0.200 (20 %)"]);
        await Expect(rows.Filter(new() { HasText = "recvfrom" }).Locator("td")).ToHaveTextAsync([.. Enumerable.Repeat("0.016 / 0.016", 3), "0 / 0"]);
        var batches = details.Locator("table").Nth(1);
        await Expect(batches.Locator("thead th")).ToHaveTextAsync(["", "mean", "2–3", "32–63", "64–127"]);
        await Expect(batches.Locator("tbody tr").Nth(3).Locator("th, td")).ToHaveTextAsync(["poll client: replies per receive", "63.5", "", "1", "99"]);
        await Expect(details.Locator("li").Filter(new() { HasText = "our code copies" })).ToContainTextAsync("poll, epoll, uring-poll, uring: our code copies");
        Assert.Equal(400, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await page.SetViewportSizeAsync(1280, 900);
        await page.Locator("#group-3").ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, "explain.png") });
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Warnings_come_before_figures_with_what_to_do()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), 1280, false, _complaints);
        var text = await page.Locator("main").InnerTextAsync();
        Assert.InRange(text.IndexOf("There are two CPUs", StringComparison.Ordinal), 0, text.IndexOf("Overview", StringComparison.Ordinal));
        Assert.Contains("What to do: Use four", text);
        Assert.Contains("the server was killed by signal 11 (SIGSEGV)", text);
    }

    [SkippableFact]
    public async Task Every_control_is_reached_by_the_keyboard_shows_its_focus_and_has_a_name()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), 1280, false, _complaints);
        await ReportPage.DrawAllAsync(page);
        var controls = await page.EvaluateAsync<int>("""
            () => [...document.querySelectorAll("a[href], select, summary, [tabindex='0'], [role=button]")].map((each, at) => (each.dataset.control = at)).length
            """);
        Assert.InRange(controls, 40, 400);
        await page.EvaluateAsync("document.activeElement.blur(); scrollTo(0, 0)");
        var reached = new HashSet<int>();
        for (var step = 0; step < controls; step++)
        {
            await page.Keyboard.PressAsync("Tab");
            var at = await page.EvaluateAsync<int>("+(document.activeElement.dataset.control ?? -1)");
            Assert.Equal("solid", await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
            reached.Add(at);
        }
        Assert.Equal(Enumerable.Range(0, controls), reached.Order());
        // As a screen reader finds them: tables with captions and headers, charts and choices with names, pictures with words.
        Assert.Empty(await page.EvaluateAsync<string[]>("""
            () => [
              ...[...document.querySelectorAll("table:not(.u-legend)")].filter(each => !each.caption?.textContent
                || !each.querySelector("thead th[scope=col]") || !each.querySelector("tbody th[scope=row]")).map(() => "table"),
              ...[...document.querySelectorAll(".u-wrap, [role=img], [role=region]")].filter(each => !each.getAttribute("aria-label"))
                .map(each => each.className),
              ...[...document.querySelectorAll("select")].filter(each => !each.labels.length).map(each => each.id),
              ...[...document.querySelectorAll("figure")].filter(each => !each.querySelector("figcaption").textContent
                || !each.querySelector("summary")).map(() => "figure"),
            ]
            """));
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Pauses_of_the_collector_are_drawn_and_listed()
    {
        await using var chromium = await Chromium.StartAsync();
        var run = ReportHtmlSamples.Run(_folder.Path);
        var passes = run.Cells.Where(record => record.Status == CellStatus.Ok).DistinctBy(record => record.Cell)
            .ToDictionary(record => record.Cell, record => ReportHtmlSamples.GcPass(new Matrix.Cell(record.Axes)));
        var path = _folder.File("gc.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(run, passes)));
        var page = await chromium.OpenAsync(path, 1280, false, _complaints);
        await ReportPage.DrawAllAsync(page);
        var chart = page.Locator("#group-1 figure").Nth(1);
        Assert.Contains("a pause of the garbage collector", await chart.Locator("figcaption").TextContentAsync());
        await chart.Locator("summary").ClickAsync();
        var pause = chart.Locator("table").Last.Locator("tbody tr").Nth(1).Locator("th, td");
        await Expect(pause).ToHaveTextAsync(["epoll", "server", "0", "1.500 s", "850 µs"]);
        await chart.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, "gc.png") });
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task A_traced_pass_in_the_runs_folder_is_drawn_as_marks_and_told_in_a_table()
    {
        await using var chromium = await Chromium.StartAsync();
        var run = ReportHtmlSamples.WithGcPass(ReportHtmlSamples.Run(_folder.Path), _folder.Path, record => record);
        var page = await chromium.OpenAsync(WriteTraced("paused.html", run), 1280, false, _complaints);
        await ReportPage.DrawAllAsync(page);
        var quiet = ReportHtmlSamples.WithGcPass(run, _folder.Path, record => record with { Server = GcSamples.Quiet });
        var without = await chromium.OpenAsync(WriteTraced("quiet.html", quiet), 1280, false, _complaints);
        await ReportPage.DrawAllAsync(without);

        // The same latencies: what the canvas has more of are the pauses.
        var (marks, none) = (await TimelineMarks(page), await TimelineMarks(without));
        Assert.InRange(marks - none, 50, int.MaxValue);
        var part = page.Locator("#group-1 .collector");
        await Expect(part.Locator("tbody tr").Nth(1).Locator("th, td")).ToHaveTextAsync(
            ["epoll server", "2", "12.9 ms", "12.0 ms", "System.Byte[] 3.24 MiBSystem.String 97.7 KiB", "System.IO.IOException 5", "1 to 4 threads, 2 adjustments"]);
        await Expect(without.Locator("#group-1 .collector")).ToHaveTextAsync("No collection in the traced pass.");
        Assert.Contains("no pause of the garbage collector", await without.Locator("#group-1 figure").Nth(1).Locator("figcaption").TextContentAsync());
        Assert.DoesNotContain("raced pass: ", await page.Locator("#overview").InnerTextAsync());
        await page.Locator("#group-1").ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, "traced.png") });
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Intervals_of_different_lengths_are_drawn_at_their_time()
    {
        await using var chromium = await Chromium.StartAsync();
        var run = ReportHtmlSamples.Run(_folder.Path);
        var passes = new[] { "poll", "epoll" }.ToDictionary(
            backend => ReportHtmlSamples.Cell(backend, "1").Id, backend => ReportHtmlSamples.GcPass(ReportHtmlSamples.Cell(backend, "1")));
        var epoll = ReportHtmlSamples.Cell("epoll", "1").Id;
        // As the load generator does it where it runs out of intervals: two become one.
        var fine = passes[epoll].Intervals;
        fine[0].Add(fine[1]);
        fine[0].EndTimeStamp = fine[1].EndTimeStamp;
        passes[epoll] = passes[epoll] with { Intervals = [fine[0], fine[2]] };
        var path = _folder.File("uneven.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(run, passes)));
        var page = await chromium.OpenAsync(path, 1280, false, _complaints);
        await ReportPage.DrawAllAsync(page);
        var chart = page.Locator("#group-1 figure").Nth(1);
        await chart.Locator("summary").ClickAsync();
        await Expect(chart.Locator("details table").First).ToBeVisibleAsync();
        var rows = new List<IReadOnlyList<string>>();
        foreach (var row in await chart.Locator("details table").First.Locator("tbody tr").Filter(new() { HasText = "traced" }).AllAsync())
        {
            rows.Add(await row.Locator("th, td").AllTextContentsAsync());
        }
        Assert.Equal(["traced, 0.5 s", "traced, 1.5 s", "traced, 2.5 s"], rows.Take(3).Select(row => row[0]));
        Assert.All(rows.Take(3), row => Assert.NotEqual("–", row[1]));
        Assert.NotEqual(rows[0][1], rows[1][1]);
        // The columns are poll and epoll: what stands for two seconds stands in both.
        Assert.Equal(rows[0][2], rows[1][2]);
        Assert.NotEqual(rows[1][2], rows[2][2]);
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task A_cell_that_could_not_be_traced_says_why_and_a_run_without_a_pass_how_to_get_one()
    {
        await using var chromium = await Chromium.StartAsync();
        var run = ReportHtmlSamples.Run(_folder.Path);
        var page = await chromium.OpenAsync(WriteTraced("none.html", run), 400, false, _complaints);
        await Expect(page.Locator("#overview")).ToContainTextAsync("Traced pass: none; harness run --resume RUN --gc-pass adds one.");
        var failed = ReportHtmlSamples.WithGcPass(
            run, _folder.Path, record => record with { Status = CellStatus.Failed, Reason = "the server: <gone>", Server = null, Client = null });
        page = await chromium.OpenAsync(WriteTraced("failed.html", failed), 400, true, _complaints);
        await Expect(page.Locator("#group-1 .collector p").First).ToHaveTextAsync("poll was not traced: the server: <gone>.");
        Assert.Equal(400, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Two_runs_are_lines_of_one_chart_and_what_differs_is_marked()
    {
        await using var chromium = await Chromium.StartAsync();
        var other = ResultsSamples.Run with { Environment = ResultsSamples.Environment with { KernelRelease = "6.18.0" } };
        var path = _folder.File("two.html");
        var (first, second) = (ReportHtmlSamples.Run(_folder.Path), ReportHtmlSamples.Run(_folder.Path, other));
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(first), new HtmlSource(second)));
        var page = await chromium.OpenAsync(path, 400, true, _complaints);
        await ReportPage.DrawAllAsync(page);
        Assert.Equal(["", "run A", "run B"], await page.Locator("#overview thead th").AllTextContentsAsync());
        Assert.Equal(["kernel releasediffers", "6.12.0", "6.18.0"], await page.Locator("#environment tr.differs").Locator("th, td").AllTextContentsAsync());
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, "two-400-dark.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    private string Write()
    {
        var path = _folder.File("report.html");
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(ReportHtmlSamples.Run(_folder.Path))));
        return path;
    }

    private string WriteTraced(string name, RunData run)
    {
        var path = _folder.File(name);
        HtmlPage.Write(path, HtmlReportBuilder.Build(new HtmlSource(run, HtmlGcPass.All(run))));
        return path;
    }

    private static Task<int> TimelineMarks(IPage page) => page.Locator("#group-1 figure").Nth(1).Locator("canvas").EvaluateAsync<int>(ReportPage.Marks);

    [GeneratedRegex(@"\d (µs|ms)")]
    private static partial Regex HasTime();

    [GeneratedRegex(@"%: poll \d.* µs, epoll \d.* µs, uring-poll \d.* µs, uring \d.* µs")]
    private static partial Regex SaysEveryLine();
}
