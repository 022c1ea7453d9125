using Harness.Kernels;
using Harness.Tests.Unit;
using static Microsoft.Playwright.Assertions;

namespace Harness.Tests.Browser;

/// <summary>The page of kernels side by side.</summary>
public sealed class ReportKernelsTests : IDisposable
{
    private const string Note = "left out: guest-6.6.0-1-cloud-amd64: it ran bisect only; BASE is guest-7.2.13-deb14-cloud-amd64/2026-03-01T120000-three-0123456789";

    private readonly TempDir _folder = new();
    private readonly List<string> _complaints = [];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(400, true)]
    public async Task Charts_heat_map_steps_and_behaviours_are_there_at_every_width(int width, bool dark)
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), width, dark, _complaints);
        await Expect(page.Locator("#top .not-cycles")).ToContainTextAsync("Instructions are not cycles");
        await Expect(page.Locator("#top .note")).ToHaveTextAsync($"{Note}.");
        await Expect(page.Locator("#charts .note")).ToContainTextAsync("Instructions are not cycles");
        await Expect(page.Locator("#charts figcaption")).ToHaveTextAsync(["depth 1", "depth 64"]);
        await ReportPage.DrawAllAsync(page);
        int[] marks = await page.Locator("#charts canvas").EvaluateAllAsync<int[]>($"all => all.map({ReportPage.Marks})");
        Assert.All(marks, some => Assert.InRange(some, 100, int.MaxValue));

        var rows = page.Locator("#heat tbody tr");
        await Expect(rows).ToHaveCountAsync(4);
        await Expect(rows.Nth(1).Locator("th, td")).ToHaveTextAsync(["uringdepth 1", "30,006base", "▼ 27,005−10.0 %", "27,023−9.9 %"]);
        await Expect(rows.Nth(1).GetByRole(Microsoft.Playwright.AriaRole.Img, new() { Name = "a step of −10.0 % since 5.10, in every boot" })).ToHaveCountAsync(1);
        await Expect(page.Locator("#changes p b")).ToHaveTextAsync(["From 5.10 to 6.12: "]);
        await Expect(page.Locator("#changes")).ToContainTextAsync("2 cells cost less, −10.0 %.");
        await page.Locator("#changes summary").ClickAsync();
        await Expect(page.Locator("#changes tbody tr").First.Locator("th, td")).ToHaveTextAsync(
            ["backend=uring, depth=1, rw=read", "30,006", "27,005", "▼ −10.0 %", "–", "–", "−1,800", "−1,200", "0.00"]);

        var flags = page.Locator("#arrivals tbody tr").Filter(new() { HasText = "set-up flags" }).Locator("td");
        await Expect(flags).ToHaveTextAsync(["CQSIZE ", "DEFER_TASKRUN ", ""]);
        await Expect(page.Locator("#behaviours li")).ToHaveTextAsync(["a cancel of what is over: arrived with 6.12", "a cancel of what is over: changed with 7.2"]);
        await Expect(page.Locator("#behaviours tbody td")).ToHaveTextAsync(["lacks it: skipped here", "at once", "differs later"]);
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await page.ScreenshotAsync(new() { Path = ReportPage.Picture(_folder, $"kernels-{width}.png"), FullPage = true });
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task Another_base_and_another_figure_change_the_heat_map_and_the_charts()
    {
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.OpenAsync(Write(), 1280, false, _complaints);
        await page.Locator("#base").SelectOptionAsync("6.12");
        var row = page.Locator("#heat tbody tr").Nth(1).Locator("td");
        await Expect(row).ToHaveTextAsync(["30,006+11.1 %", "▼ 27,005base", "27,023+0.1 %"]);
        await page.Locator("#figure").SelectOptionAsync("server");
        // A share is no cost by itself, so it has no steps.
        await Expect(row).ToHaveTextAsync(["18,004+11.1 %", "16,203base", "16,214+0.1 %"]);
        await ReportPage.DrawAllAsync(page);
        var chart = page.Locator("#charts figure").First;
        await chart.Locator(".u-wrap").FocusAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(chart.Locator("[aria-live]")).ToHaveTextAsync("5.10: epoll 18,004, uring 18,004");
        Assert.Empty(_complaints);
    }

    [SkippableFact]
    public async Task What_was_probed_is_a_page_without_figures_too()
    {
        await using var chromium = await Chromium.StartAsync();
        string path = _folder.File("probe.html");
        File.WriteAllText(path, KernelsPage.Of(KernelTable.Of(new KernelSamples(_folder).Three()).Semantics).Render());
        var page = await chromium.OpenAsync(path, 400, true, _complaints);
        await Expect(page.Locator("h1")).ToHaveTextAsync("How io_uring behaves on 3 kernels");
        await Expect(page.Locator("#behaviours tbody td")).ToHaveTextAsync(["lacks it: skipped here", "at once", "differs later"]);
        await Expect(page.Locator("#charts")).ToBeEmptyAsync();
        Assert.Equal(400, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        Assert.Empty(_complaints);
    }

    private string Write()
    {
        string path = _folder.File("kernels.html");
        KernelTable table = KernelTable.Of(new KernelSamples(_folder).Three());
        File.WriteAllText(path, KernelsPage.Of(table with { Notes = [Note] }).Render());
        return path;
    }
}
