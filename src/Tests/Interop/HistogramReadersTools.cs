using System.Diagnostics;
using System.Text.Json;
using HdrHistogram;

namespace Harness.Tests.Interop;

/// <summary>The foreign HdrHistogram tools: Debian's Java library and the npm package. A test asks for one and is skipped when it is not here.</summary>
internal static class HistogramReadersTools
{
    public static readonly double[] Percentiles = [0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

    private const string Jar = "/usr/share/java/hdrhistogram.jar";

    public static string InteropFolder { get; } = Path.Combine(RepositoryRoot(), "src", "Tests", "Interop");

    /// <summary>Runs a class of the Java library, or a source file with it on the class path, and returns what it prints.</summary>
    public static string Java(params string[] arguments)
    {
        Skip.IfNot(OnPath("java"), "java is not installed (Debian: default-jre-headless)");
        Skip.IfNot(File.Exists(Jar), $"{Jar} is not installed (Debian: libhdrhistogram-java)");
        return Run("java", InteropFolder, ["-cp", Jar, .. arguments]);
    }

    /// <summary>Only a JDK runs a source file; with a JRE alone, what Java wrote is in a committed log.</summary>
    public static void SkipWithoutJavaCompiler()
    {
        Skip.IfNot(OnPath("java"), "java is not installed (Debian: default-jre-headless)");
        Skip.IfNot(Run("java", InteropFolder, ["--list-modules"]).Contains("jdk.compiler"), "this java has no compiler; a log written by it is tested all the same");
    }

    /// <summary>Runs the script on the npm package, which is installed from its lock file the first time.</summary>
    public static JsonElement JavaScript(string mode, string logPath)
    {
        Skip.IfNot(OnPath("node"), "node is not installed");
        string report = Path.Combine(RepositoryRoot(), "src", "Harness", "Report");
        if (!Directory.Exists(Path.Combine(report, "node_modules", "hdr-histogram-js")))
        {
            Skip.IfNot(OnPath("npm"), "npm is not installed");
            Run("npm", report, ["ci", "--no-audit", "--no-fund"]);
        }

        string json = Run("node", InteropFolder, ["HistogramReaders.cjs", mode, report, logPath]);
        return JsonDocument.Parse(json).RootElement;
    }

    /// <summary>Intervals of what latencies look like: a body, a tail, some values out of range, an empty interval, two tags.</summary>
    public static HistogramBase[] SomeIntervals(long startMs, int valuesPerInterval)
    {
        var random = new Random(20_231_114);
        return [.. Enumerable.Range(0, 7).Select(i => OneInterval(i, startMs, i == 3 ? 0 : valuesPerInterval * (i + 1), random))];
    }

    private static LongHistogram OneInterval(int number, long startMs, int values, Random random)
    {
        LongHistogram histogram = LatencyHistogram.Create();
        for (int i = 0; i < values; i++)
        {
            histogram.RecordValue((long)(20_000 / Math.Pow(1 - random.NextDouble(), 1.5)));
        }

        if (number == 5)
        {
            histogram.RecordValue(long.MaxValue);
            histogram.RecordValue(-1);
        }

        histogram.Tag = (number % 3) switch { 0 => null, 1 => "read", _ => "write" };
        histogram.StartTimeStamp = startMs + (number * 1000);
        histogram.EndTimeStamp = histogram.StartTimeStamp + 1000 - number;
        return histogram;
    }

    private static string Run(string program, string folder, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}:\n{errors.Result}");
        return output;
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Harness.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests must run from inside the repository: Harness.sln was not found above them.");
    }
}
