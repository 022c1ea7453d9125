using Microsoft.Playwright;

namespace Harness.Tests.Browser;

/// <summary>What the tests of the HTML report share.</summary>
internal static class ReportPage
{
    /// <summary>Pixels of a canvas that are not transparent, by colour, without those of the axes: what the data left there.</summary>
    public const string Marks = """
        canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let marks = 0;
          for (let at = 0; at < data.length; at += 4) {
            const [r, g, b, a] = data.subarray(at, at + 4);
            if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) marks++;
          }
          return marks;
        }
        """;

    /// <summary>Charts are drawn when they come near the window.</summary>
    public static async Task<IReadOnlyList<ILocator>> DrawAllAsync(IPage page)
    {
        foreach (var place in await page.Locator(".chart").AllAsync())
        {
            await place.ScrollIntoViewIfNeededAsync();
            await place.Locator("canvas").WaitForAsync();
        }
        // uPlot draws in the microtask after it is made.
        await page.EvaluateAsync("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
        return await page.Locator(".chart canvas").AllAsync();
    }

    /// <summary>Where a picture goes: HARNESS_TEST_SCREENSHOTS=DIR keeps it.</summary>
    public static string Picture(TempDir folder, string name) =>
        Path.Combine(Environment.GetEnvironmentVariable("HARNESS_TEST_SCREENSHOTS") ?? folder.Path, name);
}
