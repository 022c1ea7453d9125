using System.Globalization;
using System.Text.Json;
using Harness.Results;

namespace Harness.Report;

/// <summary>The environment as names and values. They are taken from the record's own JSON, so that a new fact is shown without a word here.</summary>
internal static class HtmlFacts
{
    public static IReadOnlyList<HtmlFact> Of(RunRecord run) =>
    [
        new("matrix", run.Matrix),
        new("commit", run.Commit),
        new("command line", run.CommandLine),
        new("started", run.Started.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)),
        new("seed", run.Seed.ToString(CultureInfo.InvariantCulture)),
        new("rounds", run.Rounds.ToString(CultureInfo.InvariantCulture)),
        new("measured per cell and round", string.Create(CultureInfo.InvariantCulture, $"{run.DurationSeconds:0.###} s after {run.WarmupSeconds:0.###} s of warm-up")),
        new("CPU of the server", Cpu(run.ServerCpu)),
        new("CPU of the load generator", Cpu(run.LoadCpu)),
        .. Flatten("", JsonSerializer.SerializeToElement(run.Environment, ResultsJson.Document.EnvironmentFacts)),
    ];

    private static string Cpu(int? cpu) => cpu?.ToString(CultureInfo.InvariantCulture) ?? "not pinned";

    private static IEnumerable<HtmlFact> Flatten(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(member => Flatten(Join(name, member.Name), member.Value)),
        JsonValueKind.Array => [new HtmlFact(name, string.Join(' ', value.EnumerateArray().Select(Text)))],
        _ => [new HtmlFact(name, Text(value))],
    };

    private static string Join(string outer, string inner) => outer.Length == 0 ? Words(inner) : $"{outer}: {Words(inner)}";

    private static string Words(string name) => name.Replace('_', ' ').Replace("io uring", "io_uring", StringComparison.Ordinal);

    private static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.String => value.GetString(),
        _ => value.GetRawText(),
    };
}
