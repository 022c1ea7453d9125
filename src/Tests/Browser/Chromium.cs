using Microsoft.Playwright;

namespace Harness.Tests.Browser;

/// <summary>Debian's Chromium, driven by Playwright. Nothing is downloaded, and the pages have no network.</summary>
public sealed class Chromium : IAsyncDisposable
{
    private const string Program = "/usr/bin/chromium";

    private static readonly string[] Arguments =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ];

    private readonly IPlaywright _driver;
    private readonly IBrowser _browser;

    private Chromium(IPlaywright driver, IBrowser browser)
    {
        _driver = driver;
        _browser = browser;
    }

    /// <summary>Starts the browser; skips the test where there is none.</summary>
    public static async Task<Chromium> StartAsync()
    {
        Requires.FileOf("chromium", Program);
        var driver = await Playwright.CreateAsync();
        var browser = await driver.Chromium.LaunchAsync(new() { ExecutablePath = Program, Headless = true, Args = Arguments });
        return new Chromium(driver, browser);
    }

    /// <summary>Opens a file of this machine; what the page complains of is added to <paramref name="complaints"/>.</summary>
    public async Task<IPage> OpenAsync(string path, int width, bool dark, List<string> complaints)
    {
        var context = await _browser.NewContextAsync(new()
        {
            ViewportSize = new() { Width = width, Height = 900 },
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            Offline = true,
        });
        var page = await context.NewPageAsync();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                complaints.Add($"console {message.Type}: {message.Text}");
            }
        };
        page.PageError += (_, error) => complaints.Add($"uncaught: {error}");
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith("file:", StringComparison.Ordinal))
            {
                complaints.Add($"asked the network for {request.Url}");
            }
        };
        await page.GotoAsync(new Uri(path).AbsoluteUri);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _driver.Dispose();
    }
}
