using System.CommandLine;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness report</c>: a run as a table and as an HTML page; two runs beside each other.</summary>
internal static class ReportVerb
{
    /// <summary>The page's name within the run's folder.</summary>
    internal const string PageName = "report.html";

    private static readonly Argument<string[]> Runs = new("RUN")
    {
        Description = "a folder that harness run wrote",
        Arity = new ArgumentArity(1, 2),
    };

    private static readonly Option<string?> Html = OptionParsers.Text("--html", "FILE", $"where the HTML page goes [default: RUN/{PageName}; for two, the second's]");
    private static readonly Option<bool> NoHtml = new("--no-html") { Description = "no HTML page, only the table" };
    private static readonly Option<string?> Json = OptionParsers.Json();

    private static readonly Option<string?> Export = OptionParsers.Parsed<string?>(
        "--export",
        "FORMAT",
        $"print the figures for other programs, in place of the table: {string.Join(", ", ExportFormats.Names)}",
        text => Vocabulary.Word("format", text, ExportFormats.Names));

    public static Command Create()
    {
        var verb = new Command("report", "shows a run: per cell its speed, its ratio to epoll, latencies, and what both sides paid; and writes it as one HTML file; a second RUN is shown beside the first")
        {
            Runs, Html, NoHtml, Json, Export,
        };
        verb.Validators.Add(result =>
        {
            if (result.GetValue(NoHtml) && result.Written(Html) is not null)
            {
                result.AddError("--html and --no-html contradict each other; give one of them");
            }
            if (result.Written(Json) is not null && result.GetResult(Runs)?.Tokens.Count > 1)
            {
                result.AddError("--json takes one RUN; give the other one by itself");
            }
            if (result.Written(Export) is not null && result.GetResult(Runs)?.Tokens.Count > 1)
            {
                result.AddError("--export takes one RUN; give the other one by itself");
            }
        });
        verb.SetAction(parse => (int)(parse.GetValue(Export) is { } format
            ? ExportFormats.Print(parse.GetValue(Runs)![0], format)
            : ShowAll(parse.GetValue(Runs)!, parse.GetValue(Json), parse.GetValue(Html), parse.GetValue(NoHtml))));
        return verb;
    }

    /// <summary>Reads a run, prints it, writes its page, and fails where it holds no figures.</summary>
    internal static ExitCode Show(string folder, string? json) => ShowAll([folder], json, html: null, noHtml: false);

    private static ExitCode ShowAll(string[] folders, string? json, string? html, bool noHtml)
    {
        // All are read before anything is printed: a mistake in the second is no half of a report.
        var runs = folders.Select(folder => RunReader.Read(folder).WithGc().WithTimelines()).ToList();
        var code = ExitCode.Done;
        foreach (var run in runs)
        {
            var report = ReportBuilder.Build(run);
            JsonOutput.Write(json, report, types => types.ReportDocument);
            if (!JsonOutput.TakesStdout(json))
            {
                ReportConsole.ToStdout(console => ReportTable.Write(report, console));
            }
            code = report.Cells.Any(cell => cell.Rounds > 0) ? code : ExitCode.Failed;
        }
        if (!noHtml && WritePage(runs, html) is { } path)
        {
            Action<string> say = JsonOutput.TakesStdout(json) ? Console.Error.Write : StandardOutput.Write;
            say($"report: {path}\n");
        }
        return code;
    }

    // The place where the page went; null where it could not go to the run's folder.
    private static string? WritePage(List<RunData> runs, string? html)
    {
        var page = HtmlReportBuilder.Build([.. runs.Select(run => new HtmlSource(run, HtmlGcPass.All(run)))]);
        var path = html ?? Path.Combine(runs[^1].Folder, runs.Count == 1 ? PageName : $"report-beside-{page.Runs[0].Name}.html");
        try
        {
            HtmlPage.Write(path, page);
            return path;
        }
        catch (HarnessException e) when (html is null)
        {
            // Nobody asked for it at this place, and the table is there: a folder that is only to be read is no failure.
            Console.Error.WriteLine($"harness report: {e.Message}");
            return null;
        }
    }
}
