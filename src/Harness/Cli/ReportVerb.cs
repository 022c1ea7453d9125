using System.CommandLine;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness report</c>: a run as a table.</summary>
internal static class ReportVerb
{
    private static readonly Argument<string> Run = new("RUN") { Description = "a folder that harness run wrote" };
    private static readonly Option<string?> Json = OptionParsers.Json();

    private static readonly Option<string?> Export = OptionParsers.Parsed<string?>(
        "--export",
        "FORMAT",
        $"print the figures for other programs, in place of the table: {string.Join(", ", ExportFormats.Names)}",
        text => Vocabulary.Word("format", text, ExportFormats.Names));

    public static Command Create()
    {
        var verb = new Command("report", "shows a run: per cell its speed, its ratio to epoll, latencies, and what both sides paid") { Run, Json, Export };
        verb.SetAction(parse => (int)(parse.GetValue(Export) is { } format
            ? ExportFormats.Print(parse.GetValue(Run)!, format)
            : Show(parse.GetValue(Run)!, parse.GetValue(Json))));
        return verb;
    }

    /// <summary>Reads a run, prints it, and fails where it holds no figures.</summary>
    internal static ExitCode Show(string folder, string? json)
    {
        var report = ReportBuilder.Build(RunReader.Read(folder));
        JsonOutput.Write(json, report, ResultsJson.Document.ReportDocument);
        if (!JsonOutput.TakesStdout(json))
        {
            ReportConsole.ToStdout(console => ReportTable.Write(report, console));
        }
        return report.Cells.Any(cell => cell.Rounds > 0) ? ExitCode.Done : ExitCode.Failed;
    }
}
