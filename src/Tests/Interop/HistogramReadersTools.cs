using System.Text.Json;
using HdrHistogram;

namespace Harness.Tests.Interop;

/// <summary>The foreign HdrHistogram tools: Debian's Java library and the npm package. A test asks for one and is skipped when it is not here.</summary>
internal static class HistogramReadersTools
{
    public static readonly double[] Percentiles = [0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

    private const string Jar = "/usr/share/java/hdrhistogram.jar";

    public static string InteropFolder { get; } = Path.Combine(Repository.Root, "src", "Tests", "Interop");

    /// <summary>Runs a class of the Java library, or a source file with it on the class path, and returns what it prints.</summary>
    public static string Java(params string[] arguments)
    {
        string java = Requires.Tool("java");
        string jar = Requires.FileOf("libhdrhistogram-java", Jar);
        return Tool.Run(java, ["-cp", jar, .. arguments]).Succeeded().Output;
    }

    /// <summary>Only a JDK runs a source file; with a JRE alone, what Java wrote is in a committed log.</summary>
    public static void SkipWithoutJavaCompiler()
    {
        ToolResult modules = Tool.Run(Requires.Tool("java"), "--list-modules").Succeeded();
        Skip.IfNot(modules.Output.Contains("jdk.compiler"), "this java has no compiler; a log written by it is tested all the same");
    }

    /// <summary>Runs the script on the npm package, which is installed from its lock file the first time.</summary>
    public static JsonElement JavaScript(string mode, string logPath)
    {
        string node = Requires.Tool("node");
        string report = Path.Combine(Repository.Root, "src", "Harness", "Report");
        if (!Directory.Exists(Path.Combine(report, "node_modules", "hdr-histogram-js")))
        {
            Tool.Run(Requires.Tool("npm"), "--prefix", report, "ci", "--no-audit", "--no-fund").Succeeded();
        }

        ToolResult read = Tool.Run(node, Path.Combine(InteropFolder, "HistogramReaders.cjs"), mode, report, logPath).Succeeded();
        return JsonDocument.Parse(read.Output).RootElement;
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
}
