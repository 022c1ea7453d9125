using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Harness.Compare;
using Harness.Copy;
using Harness.Ctl;
using Harness.Events;
using Harness.Io;
using Harness.Kernels;
using Harness.Kernels.Hunt;
using Harness.Kernels.NbdCases;
using Harness.Measure;
using Harness.Report;
using Harness.SelfCheck;
using Harness.Serve;
using Harness.Timeline;

namespace Harness.Results;

/// <summary>Every document that the program writes as JSON: snake_case, nulls written out, generated at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LoadResult))]
[JsonSerializable(typeof(CellRecord))]
[JsonSerializable(typeof(RunRecord))]
[JsonSerializable(typeof(GcRecord))]
[JsonSerializable(typeof(ReportDocument))]
[JsonSerializable(typeof(ProbeDocument))]
[JsonSerializable(typeof(CompareDocument))]
[JsonSerializable(typeof(HistoryDocument))]
[JsonSerializable(typeof(SelfCheckDocument))]
[JsonSerializable(typeof(WorkTotals))]
[JsonSerializable(typeof(IReadOnlyList<TimerFigures>))]
[JsonSerializable(typeof(IReadOnlyList<IdleFigures>))]
[JsonSerializable(typeof(EventsRecord))]
[JsonSerializable(typeof(IReadOnlyList<EventFigures>))]
[JsonSerializable(typeof(BlocksDocument))]
[JsonSerializable(typeof(TimelineDocument))]
[JsonSerializable(typeof(TimelineRecord))]
[JsonSerializable(typeof(CopyResult))]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlError))]
[JsonSerializable(typeof(GraphDocument))]
[JsonSerializable(typeof(DrainDocument))]
[JsonSerializable(typeof(ResumeDocument))]
[JsonSerializable(typeof(ChangeDocument))]
[JsonSerializable(typeof(BlockStatsDocument))]
[JsonSerializable(typeof(CopyDocument))]
[JsonSerializable(typeof(NodeCopyProgress))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(KernelFacts))]
[JsonSerializable(typeof(IReadOnlyList<KernelListing>))]
[JsonSerializable(typeof(KernelTable))]
[JsonSerializable(typeof(KernelSemantics))]
[JsonSerializable(typeof(BisectDocument))]
[JsonSerializable(typeof(Attribution))]
[JsonSerializable(typeof(NbdCasesRecord))]
[JsonSerializable(typeof(IReadOnlyList<NbdCasesRecord>))]
internal sealed partial class ResultsJson : JsonSerializerContext
{
    /// <summary>One object per line, for <c>.jsonl</c>.</summary>
    public static readonly ResultsJson Line = new(MakeOptions(indented: false));

    /// <summary>A document for people as well.</summary>
    public static readonly ResultsJson Document = new(MakeOptions(indented: true));

    private static JsonSerializerOptions MakeOptions(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = indented,
        // A null where none may be is damage like any other; without this it would go unseen until somebody stumbles over it.
        RespectNullableAnnotations = true,
        // These documents are read by people and programs, never pasted into HTML: µ and ' may stay what they are.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new JsonStringEnumConverter<CellStatus>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<RunStatus>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<Verdict>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<FigureKind>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<Gate>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<NbdCaseStatus>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<BehaviourVerdict>(JsonNamingPolicy.SnakeCaseLower),
            new JsonStringEnumConverter<BisectVerdict>(JsonNamingPolicy.SnakeCaseLower),
        },
    };
}
