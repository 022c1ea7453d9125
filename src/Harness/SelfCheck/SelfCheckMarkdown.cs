using System.Globalization;
using System.Text;
using Harness.Compare;
using Harness.Report;
using Harness.Results;

namespace Harness.SelfCheck;

/// <summary>A self-check in words: <c>self-check.md</c>, and the lines that are printed.</summary>
internal static class SelfCheckMarkdown
{
    public static string Of(SelfCheckDocument document)
    {
        var text = new StringBuilder();
        MarkdownText.Line(text, $"# self-check: {Conclusion(document)}");
        MarkdownText.Line(text, "");
        foreach (string line in Heading(document))
        {
            MarkdownText.Line(text, $"- {line}");
        }
        MarkdownText.Line(text, "");
        MarkdownText.Table(text, ["what", "found", "expected"], Totals(document));
        if (document.Results.Count > 0)
        {
            MarkdownText.Line(text, "");
            string[] kinds = [.. document.Results[0].Seeded.Select(seeded => seeded.Kind)];
            MarkdownText.Table(text, ["comparison", "the build against itself", .. kinds, "disturbed", "seconds"], document.Results.Select(Row));
        }
        return text.ToString();
    }

    /// <summary>The verdict.</summary>
    public static string Conclusion(SelfCheckDocument document) => document.Summary.Passed switch
    {
        true => "the gate works",
        false => "not passed: the gate cried wolf, or missed a regression",
        null => $"not finished, {document.Summary.Comparisons} of {Count(document.Comparisons, "comparison")}",
    };

    /// <summary>What was measured, and where.</summary>
    public static IEnumerable<string> Heading(SelfCheckDocument document)
    {
        var environment = document.Environment;
        yield return $"{document.Matrix} · {document.Commit} · {document.Started.UtcDateTime:yyyy-MM-dd HH:mm} UTC";
        yield return $"{environment.CpuModel ?? environment.Dotnet.Architecture}, {environment.CpuCount} CPUs · Linux {environment.KernelRelease} · {environment.Dotnet.Version}"
            + string.Concat(environment.Dotnet.Knobs.Select(knob => $" · {knob.Key}={knob.Value}"));
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{Count(document.Comparisons, "comparison")} of {Count(document.Rounds, "round")} · {document.DurationSeconds:0.###} s per cell after {document.WarmupSeconds:0.###} s warm-up")
            + $" · minimum effect {RankJudge.Percent(document.MinEffect)} · promised false alarms {RankJudge.Percent(document.FalseAlarmRate)} of comparisons";
    }

    /// <summary>A number of things.</summary>
    public static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    /// <summary>What was found in all comparisons, and what was to be.</summary>
    public static IEnumerable<string[]> Totals(SelfCheckDocument document)
    {
        var summary = document.Summary;
        int made = summary.Comparisons;
        yield return ["false alarms in figures that are the same on every run", $"{summary.InvariantFalseAlarms} of {made}", "0"];
        yield return ["false alarms in timed and load-dependent figures", $"{summary.RankedFalseAlarms} of {made}", $"at most {summary.RankedFalseAlarmsAllowed}"];
        foreach (var (kind, found) in summary.Found)
        {
            string gate = document.Results[0].Seeded.First(seeded => seeded.Kind == kind).Gate.ToString().ToLowerInvariant();
            yield return [$"seeded {kind}, by the {gate} gate", $"{found} of {made}", "all"];
        }
    }

    /// <summary>One comparison in a line.</summary>
    public static string Line(SelfCheckComparison result)
    {
        string alarms = result.SameBuild.FalseAlarms.Count == 0 ? "no false alarm" : $"false alarm: {Alarms(result.SameBuild)}";
        string found = string.Join(", ", result.Seeded.Where(seeded => seeded.Found).Select(seeded => seeded.Kind));
        string missed = string.Join(", ", result.Seeded.Where(seeded => !seeded.Found).Select(seeded => seeded.Kind + (seeded.Reason is { } why ? $" ({why})" : "")));
        return string.Join("; ", new[] { alarms, Prefixed("found ", found), Prefixed("NOT FOUND: ", missed) }.Where(part => part.Length > 0));
    }

    private static string[] Row(SelfCheckComparison result) =>
    [
        result.Number.ToString(CultureInfo.InvariantCulture),
        result.SameBuild.FalseAlarms.Count == 0 ? Counts(result.SameBuild) : $"**{Alarms(result.SameBuild)}**",
        .. result.Seeded.Select(seeded => seeded.Found ? Largest(seeded) : $"**not found** ({seeded.Verdict.Words()})"),
        result.Spoiled.Count == 0 ? "none" : string.Join(", ", result.Spoiled.Select(spoiled => $"{spoiled.Key} {spoiled.Value} of {result.Measurements}")),
        result.Seconds.ToString("0", CultureInfo.InvariantCulture),
    ];

    private static string Counts(SameBuildResult result) => string.Join(", ", result.Figures.Select(count => $"{count.Value} {count.Key.Replace('_', ' ')}"));

    private static string Alarms(SameBuildResult result) => string.Join("; ", result.FalseAlarms.Select(alarm => $"{alarm.Verdict.Words()}: {Said(alarm)}"));

    // The figure that moved most stands for all that were found.
    private static string Largest(SeededResult seeded) => Said(seeded.Findings.MaxBy(finding => finding switch
    {
        { Base: > 0 and { } was, New: > 0 and { } now } => Math.Abs(Math.Log(now / was)),
        { Figure: null } => -1,
        _ => double.MaxValue,
    })!);

    private static string Said(SelfCheckFinding finding) => finding.Figure is null
        ? $"{finding.Cell} {finding.Reason}"
        : $"{finding.Figure} {Figures.Short(finding.Base)} → {Figures.Short(finding.New)} ({finding.Cell}"
            + (finding.P is { } p ? string.Create(CultureInfo.InvariantCulture, $", p {p:0.#####})") : ")");

    private static string Prefixed(string prefix, string text) => text.Length == 0 ? "" : prefix + text;
}
