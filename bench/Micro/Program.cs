using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Harness.Micro;

/// <summary>
/// What the parts of the hot path cost by themselves, and that they allocate nothing. Without arguments all of it is measured; arguments are BenchmarkDotNet's
/// own, such as <c>--filter '*Ring*'</c>. A table and a JSON file for each part go to <c>results/MACHINE/DATE-micro-COMMIT/</c>.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        string scratch = Directory.CreateTempSubdirectory("harness-micro-").FullName;
        try
        {
            string[] chosen = arguments.Length == 0 ? ["--filter", "*"] : arguments;
            List<Summary> summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(chosen, Config(scratch))];
            MicroResults.Keep(Path.Combine(scratch, "results"));
            return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success)) ? 0 : 1;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    /// <summary>
    /// No process is built for a benchmark: a ring belongs to the thread that enabled it, and the packages that a build needs are not at hand everywhere.
    /// </summary>
    private static IConfig Config(string scratch) => ManualConfig.CreateEmpty()
        .AddJob(Job.Default.WithToolchain(new InProcessEmitToolchain(TimeSpan.FromHours(1), logOutput: false)))
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumnProvider(DefaultColumnProviders.Instance)
        .AddLogger(ConsoleLogger.Default)
        .AddExporter(MarkdownExporter.GitHub, JsonExporter.BriefCompressed)
        .WithArtifactsPath(scratch);
}
