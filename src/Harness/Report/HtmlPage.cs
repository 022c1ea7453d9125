using System.Net;
using System.Text.Json;
using Harness.Results;

namespace Harness.Report;

/// <summary>The report as one HTML file that needs nothing else: style, script, chart library and data stand in it.</summary>
internal static class HtmlPage
{
    private static readonly string[] Scripts =
    [
        "words.js", "data.js", "dom.js", "lines.js", "charts.js", "percentiles.js", "spoiled.js", "timeline.js", "knee.js", "tables.js", "ladder.js",
        "sides.js", "events.js", "collector.js", "explain.js", "page.js",
    ];

    public static string Render(HtmlReport report)
    {
        var first = report.Runs[0];
        var title = report.Runs.Count == 1 ? $"{first.Matrix} · {first.Commit}" : $"{first.Name} and {report.Runs[1].Name}";
        return Fill("report-main.html", Scripts, title, JsonSerializer.Serialize(report, HtmlJson.Inline.HtmlReport));
    }

    /// <summary>A page with the style, the chart library and the frame that all pages share.</summary>
    /// <param name="main">The resource with what stands between the header and the end.</param>
    /// <param name="scripts">The resources that draw it, in the order in which they need each other.</param>
    /// <param name="title">What it is called.</param>
    /// <param name="data">JSON from <see cref="HtmlJson.Inline"/>.</param>
    public static string Fill(string main, IReadOnlyList<string> scripts, string title, string data) =>
        Fill(Resource("page.html"), name => name switch
        {
            "title" => WebUtility.HtmlEncode(title),
            "main" => Resource(main).TrimEnd(),
            "style" => Resource("uplot.css") + "\n" + Resource("page.css"),
            // The library's licence asks that its notice goes where the library goes.
            "notice" => Resource("uplot.license").Trim().Replace("*/", "* /", StringComparison.Ordinal),
            "library" => Resource("uplot.js"),
            "script" => string.Concat(scripts.Select(Resource)),
            "data" => data,
            _ => throw new InvalidOperationException($"page.html names '{name}', which is nothing"),
        });

    /// <exception cref="HarnessException">The file cannot be written.</exception>
    public static void Write(string path, HtmlReport report)
    {
        try
        {
            File.WriteAllText(path, Render(report));
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(
                ExitCode.Failed, $"cannot write the report to '{path}': {FileTrouble.Reason(e, path)}; choose another place with --html FILE, or --no-html", e);
        }
    }

    // Each name once, left to right: what is filled in is not looked at again, so data that looks like a name stays data.
    private static string Fill(string template, Func<string, string> value)
    {
        using var page = new StringWriter();
        var at = 0;
        while (template.IndexOf("{{", at, StringComparison.Ordinal) is var open and >= 0)
        {
            var close = template.IndexOf("}}", open, StringComparison.Ordinal);
            page.Write(template.AsSpan(at, open - at));
            page.Write(value(template[(open + 2)..close]));
            at = close + 2;
        }
        page.Write(template.AsSpan(at));
        return page.ToString();
    }

    private static string Resource(string name)
    {
        using var stream = typeof(HtmlPage).Assembly.GetManifestResourceStream("web/" + name)
            ?? throw new InvalidOperationException($"the program was built without web/{name}");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
