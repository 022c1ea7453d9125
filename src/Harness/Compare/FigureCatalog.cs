using System.Text.Json;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Compare;

/// <summary>The figures that a cell has, and of which kind each is in that cell.</summary>
internal static class FigureCatalog
{
    // The loop is asked for its counters from outside, at both ends: the observed edge is one or two calls, the answer to the asking among them.
    private const double EdgeCalls = 8;

    // What a loop's thread may allocate once, whatever the operations: a list that grows, an answer about its counters.
    private const double EdgeBytesAllocated = 8192;

    // An object without fields, on 64 bits: a header, a type, and room for one field.
    private const double SmallestObjectBytes = 24;

    // One call, switch or entry in a thousand operations costs too little to be anyone's regression.
    private const double LeastChangePerOp = 0.001;

    // What boots with other random numbers differ by, at most: addresses and hashes decide a little of what a kernel does.
    private const double PlayOfOneConnection = 0.002;
    private const double PlayOfSeveral = 0.003;

    // The 99th percentile of fewer operations rests on fewer than ten of them.
    private const long LeastOpsForP99 = 1000;

    /// <summary>The figures of a cell.</summary>
    /// <param name="axes">The cell's axes, which decide what is invariant in it.</param>
    /// <param name="loads">Its rounds on both sides, which decide what opcodes there are.</param>
    public static IReadOnlyList<Figure> Of(IReadOnlyDictionary<string, string> axes, IReadOnlyList<LoadResult> loads)
    {
        var all = loads.Any(load => load.InstructionsPerOp is not null) ? Counted(axes, loads) : All(axes, loads);
        return OfferedRates.Difference(axes, loads) is { } differ
            ? [.. all.Select(figure => figure.Kind == FigureKind.Invariant ? figure : figure with { NotRanked = _ => differ })]
            : all;
    }

    // In a guest that counts, times are instructions said in another way, and these are as exact as calls.
    private static IReadOnlyList<Figure> Counted(IReadOnlyDictionary<string, string> axes, IReadOnlyList<LoadResult> loads)
    {
        double play = axes.GetValueOrDefault("connections") is null or "1" ? PlayOfOneConnection : PlayOfSeveral;
        return
        [
            Instructions("instructions_per_op", play, load => load.InstructionsPerOp),
            Instructions("server.instructions_per_op", play, load => load.Server?.InstructionsPerOp),
            Instructions("client.instructions_per_op", play, load => load.Client.InstructionsPerOp),
            .. Costs("server", load => load.Server, axes, loads),
            .. Costs("client", load => load.Client, axes, loads),
        ];
    }

    private static Figure Instructions(string name, double play, Func<LoadResult, double?> read) =>
        new() { Name = name, Kind = FigureKind.Invariant, Read = read, Play = play };

    private static IReadOnlyList<Figure> All(IReadOnlyDictionary<string, string> axes, IReadOnlyList<LoadResult> loads) =>
    [
        .. Costs("server", load => load.Server, axes, loads),
        .. Costs("client", load => load.Client, axes, loads),
        Timed("iops", load => load.Iops) with { HigherIsBetter = true },
        Timed("latency_us.p50", load => load.LatencyUs?.P50) with { NotRanked = Saturated },
        Timed("latency_us.p99", load => load.LatencyUs?.P99) with { NotRanked = load => Saturated(load) ?? TooFewForP99(load) },
        Timed("server.cpu_us_per_op", load => load.Server?.CpuUsPerOp),
        Timed("client.cpu_us_per_op", load => load.Client.CpuUsPerOp),
    ];

    private static IEnumerable<Figure> Costs(
        string process, Func<LoadResult, SideCosts?> costs, IReadOnlyDictionary<string, string> axes, IReadOnlyList<LoadResult> loads)
    {
        // With one request in flight and a loop that sleeps, nothing can meet in a batch, so calls and entries are those of the code.
        var calls = IsLockStep(axes, loads) ? FigureKind.Invariant : FigureKind.LoadDependent;
        // Which requests come is drawn from the seed, but how many of them is the clock's affair: only equal ones have equal bytes.
        var bytes = IsUniform(axes) ? FigureKind.Invariant : FigureKind.LoadDependent;
        yield return Allocated($"{process}.allocated_bytes_per_op", load => costs(load)?.AllocatedBytesPerOp);
        yield return Bytes($"{process}.bytes_received_per_op", bytes, load => costs(load)?.BytesReceivedPerOp);
        yield return Bytes($"{process}.bytes_sent_per_op", bytes, load => costs(load)?.BytesSentPerOp);
        yield return Calls($"{process}.syscalls_per_op", calls, load => costs(load)?.SyscallsPerOp);
        foreach (var opcode in loads.SelectMany(load => costs(load)?.SqesByOpcodePerOp?.Keys ?? []).Distinct().Order(StringComparer.Ordinal))
        {
            // A round that used an opcode never does not name it.
            yield return Calls(
                $"{process}.sqes_by_opcode_per_op.{opcode}", calls, load => costs(load)?.SqesByOpcodePerOp is { } sqes ? sqes.GetValueOrDefault(opcode) : null);
        }
        yield return Calls($"{process}.enters_per_op", FigureKind.LoadDependent, load => costs(load)?.EntersPerOp);
        yield return Calls($"{process}.cqes_per_op", FigureKind.LoadDependent, load => costs(load)?.CqesPerOp);
        yield return Calls($"{process}.context_switches_per_op", FigureKind.LoadDependent, load => costs(load)?.ContextSwitchesPerOp);
    }

    private static Figure Timed(string name, Func<LoadResult, double?> read) => new() { Name = name, Kind = FigureKind.Timed, Read = read };

    private static Figure Calls(string name, FigureKind kind, Func<LoadResult, double?> read) => new()
    {
        Name = name,
        Kind = kind,
        Read = read,
        EdgePerWindow = EdgeCalls,
        SmallestStep = 1,
        LeastChange = LeastChangePerOp,
    };

    // Counted while nothing is in flight, so there is no edge.
    private static Figure Bytes(string name, FigureKind kind, Func<LoadResult, double?> read) => new() { Name = name, Kind = kind, Read = read };

    private static Figure Allocated(string name, Func<LoadResult, double?> read) => new()
    {
        Name = name,
        Kind = FigureKind.Invariant,
        Read = read,
        EdgePerWindow = EdgeBytesAllocated,
        SmallestStep = SmallestObjectBytes,
    };

    private static bool IsLockStep(IReadOnlyDictionary<string, string> axes, IReadOnlyList<LoadResult> loads) =>
        axes.GetValueOrDefault("depth") == "1"
        && axes.GetValueOrDefault("connections") is null or "1"
        && axes.GetValueOrDefault("wait") is null or "block"
        // A request that is sent when its time has come can find the loop anywhere. Runs of before open loops do not say.
        && loads.All(load => load.Arrivals is null or "closed");

    private static bool IsUniform(IReadOnlyDictionary<string, string> axes) => axes.GetValueOrDefault("rw") is "read" or "write" && HasOneSize(axes);

    private static bool HasOneSize(IReadOnlyDictionary<string, string> axes)
    {
        try
        {
            return axes.GetValueOrDefault("size") is not { } size || Units.ParseSize(size) > 0;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    // Asked of the document, since only open-loop records say it.
    private static string? Saturated(LoadResult load)
    {
        using var document = JsonSerializer.SerializeToDocument(load, ResultsJson.Line.LoadResult);
        return document.RootElement.TryGetProperty("saturated", out var saturated) && saturated.ValueKind == JsonValueKind.True
            ? "the server was saturated, so latencies say how long the run was; lower the rate"
            : null;
    }

    private static string? TooFewForP99(LoadResult load) => load.Ops >= LeastOpsForP99
        ? null
        : $"p99 of fewer than {LeastOpsForP99} operations rests on fewer than ten of them; measure longer";
}
