using System.Globalization;
using System.Text.Json;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Ctl;

/// <summary>What <c>ctl</c> says of a drain, a resume or a change: a line.</summary>
internal static class CtlText
{
    public static string Drained(JsonElement answer)
    {
        DrainDocument drain = answer.Deserialize(ResultsJson.Line.DrainDocument)!;
        string until = drain.ResumesAfterMs is { } ms
            ? $"requests wait for {(ms / 1000).ToString("0.###", CultureInfo.InvariantCulture)} s"
            : $"requests wait until resume {(drain.Node == "all" ? "--all" : drain.Node)}";
        return $"{drain.Node}: quiet after {Micros(drain.TookUs)}; {until}\n";
    }

    public static string Resumed(JsonElement answer) => $"{answer.Deserialize(ResultsJson.Line.ResumeDocument)!.Node}: requests go on\n";

    public static string Changed(JsonElement answer)
    {
        ChangeDocument change = answer.Deserialize(ResultsJson.Line.ChangeDocument)!;
        string[] parts =
        [
            .. change.Added.Count == 0 ? Array.Empty<string>() : [$"new: {string.Join(", ", change.Added)}"],
            .. change.Gone.Count == 0 ? Array.Empty<string>() : [$"gone: {string.Join(", ", change.Gone)}"],
            $"quiet after {Micros(change.TookUs)}",
        ];
        return $"{change.Command} {change.Node}: {string.Join("; ", parts)}\n";
    }

    public static string Copied(JsonElement answer)
    {
        CopyDocument copy = answer.Deserialize(ResultsJson.Line.CopyDocument)!;
        string bytes = Units.FormatSize(copy.SizeBytes);
        string gone = copy.Gone.Count == 0 ? string.Empty : $"; gone: {string.Join(", ", copy.Gone)}";
        return string.Create(CultureInfo.InvariantCulture, $"copy {copy.Node}: {bytes} in {copy.Seconds:0.0} s; {copy.NewNode} has its place{gone}; quiet after {Micros(copy.TookUs)}\n");
    }

    internal static string Micros(double us) => us switch
    {
        < 1000 => $"{us.ToString("0.#", CultureInfo.InvariantCulture)} µs",
        < 1_000_000 => $"{(us / 1000).ToString("0.#", CultureInfo.InvariantCulture)} ms",
        _ => $"{(us / 1_000_000).ToString("0.##", CultureInfo.InvariantCulture)} s",
    };
}
