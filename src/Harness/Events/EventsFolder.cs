using System.Globalization;
using System.Text;
using System.Text.Json;
using HdrHistogram;
using Harness.Report;
using Harness.Measure;
using Harness.Results;

namespace Harness.Events;

/// <summary>Where a result of <c>--timers</c> or <c>--idle</c> lies, to be committed: <c>root/machine/date-events-MODE-commit/</c>.</summary>
internal static class EventsFolder
{
    private const double NanosecondsPerMicrosecond = 1000;

    /// <summary>Refuses a place that cannot be written to before time is spent on what would go there. Makes it where it is not there yet.</summary>
    /// <param name="root">The folder of all machines' results; null is none.</param>
    /// <exception cref="HarnessException">It cannot be written to.</exception>
    public static void Check(string? root)
    {
        if (root is null)
        {
            return;
        }
        try
        {
            Directory.CreateDirectory(root);
            OutputFile.Check("--results", Path.Combine(root, $".{Environment.ProcessId}"));
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw Refused(root, e);
        }
    }

    /// <summary>Writes <c>events.json</c>, the same table as <c>events.md</c>, and a file of percentiles for each histogram.</summary>
    /// <param name="root">The folder of all machines' results.</param>
    /// <param name="record">What was found.</param>
    /// <param name="table">The same for people.</param>
    /// <param name="histograms">In nanoseconds, by name.</param>
    /// <returns>The folder.</returns>
    /// <exception cref="HarnessException">It cannot be written.</exception>
    public static string Write(string root, EventsRecord record, LoopTable table, IReadOnlyList<(string Name, HistogramBase Ns)> histograms)
    {
        string date = record.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
        string path = Path.Combine(root, record.Machine, $"{date}-events-{record.Mode}-{record.Commit}");
        try
        {
            Directory.CreateDirectory(path);
            File.WriteAllText(Path.Combine(path, "events.json"), JsonSerializer.Serialize(record, ResultsJson.Document.EventsRecord) + "\n");
            File.WriteAllText(Path.Combine(path, "events.md"), Markdown(record, table));
            foreach ((string name, HistogramBase histogram) in histograms)
            {
                Directory.CreateDirectory(Path.Combine(path, "hgrm"));
                using var writer = new StreamWriter(Path.Combine(path, "hgrm", $"{name}.hgrm")) { NewLine = "\n" };
                histogram.OutputPercentileDistribution(writer, outputValueUnitScalingRatio: NanosecondsPerMicrosecond);
            }
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw Refused(path, e);
        }
        return path;
    }

    private static HarnessException Refused(string path, Exception e) =>
        new(ExitCode.Failed, $"cannot write the folder '{path}': {FileTrouble.Reason(e, path)}; choose another place with --results DIR", e);

    private static string Markdown(EventsRecord record, LoopTable table)
    {
        var text = new StringBuilder();
        MarkdownText.Line(text, $"# {record.CommandLine}");
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, $"At {record.Commit}, {record.Started.UtcDateTime:yyyy-MM-dd HH:mm} UTC, on Linux {record.Environment.KernelRelease}, {record.Machine}.");
        foreach (Warning warning in record.Warnings)
        {
            MarkdownText.Line(text, $"* {MarkdownText.Escaped(warning.Text)}");
        }
        MarkdownText.Line(text, "");
        table.Write(text);
        return text.ToString();
    }
}

/// <summary>What <c>events.json</c> of such a folder holds.</summary>
internal sealed record EventsRecord
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary><c>timers</c> or <c>idle</c>.</summary>
    public required string Mode { get; init; }

    public required string Machine { get; init; }
    public required string Commit { get; init; }
    public required string Build { get; init; }
    public required string CommandLine { get; init; }
    public required DateTimeOffset Started { get; init; }
    public required DateTimeOffset Finished { get; init; }
    public required EnvironmentFacts Environment { get; init; }
    public required IReadOnlyList<Warning> Warnings { get; init; }

    /// <summary>What <c>--timers --json</c> prints; null in the other mode.</summary>
    public IReadOnlyList<TimerFigures>? Timers { get; init; }

    /// <summary>What <c>--idle --json</c> prints; null in the other mode.</summary>
    public IReadOnlyList<IdleFigures>? Idle { get; init; }
}
