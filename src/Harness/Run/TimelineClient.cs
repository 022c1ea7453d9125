using System.Globalization;
using System.Text.Json;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary><c>harness timeline</c> in the place of a cell's load: the same traffic for a fixed number of operations, recorded.</summary>
internal sealed class TimelineClient(ChildProcess process) : CellClient(process)
{
    // As much traffic as goes through in some tenths of a second, and few enough operations that the ring keeps them all.
    private const long Bytes = 512L << 20;
    private const long FewestOps = 400;
    private const long MostOps = 20_000;

    public override string Name => "the timeline's recorder";

    /// <summary>Why a cell cannot be recorded: it is not our client's, or a schedule drives it. Null where it can.</summary>
    public static string? Refusal(Cell cell) => cell switch
    {
        { HasOurClient: false } => "only a client of ours records a timeline",
        { IsOpenLoop: true } => "a timeline is recorded in a closed loop",
        _ when cell["connections"] != "1" => "a timeline is of one connection",
        _ => null,
    };

    public static TimelineClient Start(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server)
    {
        string[] arguments =
        [
            "timeline", server.Uri, "--rw", cell["rw"], "--pattern", cell["pattern"], "--size", cell["size"], "--depth", cell["depth"],
            "--ops", Ops(cell).ToString(CultureInfo.InvariantCulture), "--warmup", Units.FormatTime(settings.Warmup),
            "--backend", cell.ClientBackend, "--wait", cell.ClientWait, "--duplex", cell["duplex"],
            "--seed", settings.Seed.ToString(CultureInfo.InvariantCulture), "--json", "-",
        ];
        return new TimelineClient(ChildProcess.Start(
            [.. Pinning.Prefix([.. settings.Pinning.LoadCpus(cell.ClientThreads, cell.Loops)]), .. settings.Program, .. arguments], scratch));
    }

    protected override CellOutcome Figures()
    {
        try
        {
            return JsonSerializer.Deserialize(Process.Output, ResultsJson.Line.TimelineDocument) is { } document
                ? new CellOutcome(CellStatus.Ok, null, null, null) { Timeline = document }
                : CellOutcome.Failed($"{Name} printed no result");
        }
        catch (JsonException e)
        {
            return CellOutcome.Failed($"{Name}'s result cannot be read: {OneLine.Of(e.Message)}");
        }
    }

    private static long Ops(Cell cell) => Math.Clamp(Bytes / RequestSizes.Parse(cell["size"]).Largest, FewestOps, MostOps);
}
