using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Harness.Events;
using Harness.Results;
using Harness.SelfCheck;

namespace Harness.Tests.Unit;

/// <summary>The documented schema and the files are of one mind.</summary>
public partial class ExportSchemaTests
{
    [Fact]
    public void Every_member_that_is_written_is_documented()
    {
        string path = Path.Combine(Repository.Root, "results", "README.md");
        string text = File.ReadAllText(path);
        var documented = Word().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
        var record = ResultsSamples.Ok(CompareSamples.DepthOne, 1, 1000);
        var latency = new LatencySummary { Min = 1, P50 = 2, P90 = 3, P99 = 4, P999 = 5, Max = 6, Mean = 7, Count = 8 };
        var full = record with { Load = record.Load! with { LatencyUs = latency, Explain = ExplainSamples.Epoll } };
        var finding = new SelfCheckFinding { Cell = "c", Verdict = Compare.Verdict.Worse };
        var check = SelfCheckTests.Document(1) with
        {
            Results =
            [
                new SelfCheckComparison
                {
                    Number = 1,
                    Started = ResultsSamples.Noon,
                    Seconds = 1,
                    Measurements = 1,
                    Spoiled = new Dictionary<string, int>(),
                    SameBuild = new SameBuildResult { Verdict = finding.Verdict, Figures = new Dictionary<string, int>(), FalseAlarms = [finding] },
                    Seeded = [new SeededResult { Kind = "k", Gate = Compare.Gate.All, Found = true, Verdict = finding.Verdict, Findings = [finding] }],
                },
            ],
        };
        var sample = new EventSample { Backend = "epoll", Variant = EventVariants.OneByOne, Pipes = 2, Tokens = 1, Round = 1, EventsPerSecond = 1 };
        string[] missing =
        [
            .. Names(JsonSerializer.SerializeToNode(Events(latency), ResultsJson.Line.EventsRecord)),
            .. Names(JsonSerializer.SerializeToNode(check, ResultsJson.Line.SelfCheckDocument)),
            .. Names(JsonSerializer.SerializeToNode(ResultsSamples.Run, ResultsJson.Line.RunRecord)),
            .. Names(JsonSerializer.SerializeToNode(full, ResultsJson.Line.CellRecord)),
            .. Names(JsonSerializer.SerializeToNode(EventFigures.Of([sample]), ResultsJson.Line.IReadOnlyListEventFigures)),
            .. Names(JsonSerializer.SerializeToNode(GcSamples.Record(CompareSamples.DepthOne), ResultsJson.Line.GcRecord)),
        ];
        Assert.Empty(missing.Where(name => !documented.Contains(name)).Distinct());
        Assert.Contains($"`run.json`, schema {RunRecord.CurrentSchema}", text);
        Assert.Contains($"`gc/<cell>.json`, schema {GcRecord.CurrentSchema}", text);
        Assert.Contains($"`events.json`, schema {EventsRecord.CurrentSchema}", text);
        Assert.Contains($"`self-check.json`, schema {SelfCheckDocument.CurrentSchema}", text);
    }

    private static EventsRecord Events(LatencySummary latency) => new()
    {
        Mode = "timers",
        Machine = "m",
        Commit = "c",
        Build = "b",
        CommandLine = "harness events",
        Started = ResultsSamples.Noon,
        Finished = ResultsSamples.Noon,
        Environment = ResultsSamples.Run.Environment,
        Warnings = [],
        Timers =
        [
            new TimerFigures
            {
                Backend = "epoll",
                RateAsked = 1,
                ArmedPerSecond = 1,
                CancelledPerSecond = 1,
                Running = 1,
                Seconds = 1,
                Slices = 1,
                AllocatedBytes = 0,
                GcCount = 0,
                CpuUsPerTimer = 1,
                CancelAndArmNs = 1,
                FiredEarly = 0,
                LatenessUs = latency,
                TimerSlackNs = 1,
            },
        ],
        Idle = [IdleFigures.Of("epoll", 1, 1, [new IdleSample(1, 1, 1) { ManagedBytesPerConnection = 1, NativeBytesPerConnection = 1 }])],
    };

    // What is named by the machine or the matrix is data: vulnerabilities, variables, axes.
    private static IEnumerable<string> Names(JsonNode? node, string parent = "") => node switch
    {
        JsonObject when parent is "mitigations" or "knobs" or "axes" or "sqes_by_opcode_per_op" or "syscalls_by_name_per_op" or "counts" => [],
        JsonObject members => members.SelectMany(member => Names(member.Value, member.Key).Prepend(member.Key)),
        JsonArray items => items.SelectMany(item => Names(item, parent)),
        _ => [],
    };

    [GeneratedRegex("`([a-z0-9_]+)`")]
    private static partial Regex Word();
}
