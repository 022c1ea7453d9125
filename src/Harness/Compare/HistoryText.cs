using System.Globalization;
using Harness.Report;
using Spectre.Console;

namespace Harness.Compare;

/// <summary>A history's changes for a terminal; plain text where it is piped.</summary>
internal static class HistoryText
{
    public static void Write(HistoryDocument history, IAnsiConsole console)
    {
        foreach (string note in history.Notes)
        {
            WarningLines.Write(console, "note", note);
        }
        foreach (var change in history.Changes.GroupBy(change => (change.Last, change.First)))
        {
            var (last, first) = change.Key;
            console.WriteLine($"{first.Matrix}: between {Named(last)} and {Named(first)}");
            foreach (var figure in change)
            {
                string colour = figure.Verdict == Verdict.Worse ? "red" : "green";
                console.MarkupLine($"  [{colour}]{figure.Verdict.Words(),-7}[/]{Markup.Escape(Line(figure))}");
            }
        }
        string runs = history.Runs.Count == 1 ? "1 run" : $"{history.Runs.Count} runs";
        console.WriteLine(history.EnoughRuns
            ? $"{runs}, {(history.Changes.Count == 0 ? "no change" : $"{history.Changes.Count} changed figures")} (minimum effect {RankJudge.Percent(history.MinEffect)})"
            : $"{runs}: it takes at least two comparable runs of one matrix to see a change");
    }

    private static string Line(HistoryChange change)
    {
        string ratio = change.Ratio is { } value ? string.Create(CultureInfo.InvariantCulture, $" (× {value:0.00})") : "";
        return $"{change.Cell}: {change.Figure} {Report.Figures.Short(change.Before)} → {Report.Figures.Short(change.After)}{ratio}";
    }

    private static string Named(HistoryRun run) => string.Create(CultureInfo.InvariantCulture, $"{run.Commit} ({run.Started.UtcDateTime:yyyy-MM-dd HH:mm})");
}
