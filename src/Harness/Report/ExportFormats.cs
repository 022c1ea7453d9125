using Harness.Results;

namespace Harness.Report;

/// <summary><c>report RUN --export FORMAT</c>: a run's figures for other programs, on stdout.</summary>
internal static class ExportFormats
{
    public static readonly string[] Names = ["csv", "prometheus"];

    /// <summary>Prints a run, and fails where it holds no figures. What could not be read goes to stderr.</summary>
    /// <param name="folder">A folder that <c>harness run</c> wrote.</param>
    /// <param name="format">One of <see cref="Names"/>.</param>
    public static ExitCode Print(string folder, string format)
    {
        var data = RunReader.Read(folder);
        foreach (string problem in data.Problems)
        {
            Console.Error.WriteLine($"harness report: {problem}");
        }
        Console.Out.Write(format == "csv" ? ExportCsv.Of(data) : ExportPrometheus.Of(ReportBuilder.Build(data)));
        return data.Cells.Any(cell => cell is { Status: CellStatus.Ok, Load: not null }) ? ExitCode.Done : ExitCode.Failed;
    }
}
