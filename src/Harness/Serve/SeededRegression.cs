using System.Globalization;
using Harness.Measure;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>
/// A regression on purpose, so that it can be shown that the gate finds one: <c>HARNESS_SEEDED_REGRESSION</c> puts a block before the served store that makes
/// every request cost a little more. Without the variable there is no such block, so an ordinary server pays nothing for it. Read by the server, which acts on
/// it, and by the runner, which records it; it is no fact of the environment, so the run may be compared to one without.
/// </summary>
internal static class SeededRegression
{
    public const string Variable = "HARNESS_SEEDED_REGRESSION";

    /// <summary>One system call more per request.</summary>
    public const string SystemCall = "system-call";

    /// <summary>One object more per request, of 24 bytes.</summary>
    public const string Allocation = "allocation";

    /// <summary>5 µs of CPU more per request.</summary>
    public const string BusyWait = "busy-wait";

    /// <summary>So many instructions more per request, as <c>instructions:200</c>: for counts, which see what no clock does.</summary>
    public const string Instructions = "instructions";

    private const int MostInstructions = 1_000_000;

    /// <summary>Those that every machine can be checked with.</summary>
    public static readonly string[] Kinds = [SystemCall, Allocation, BusyWait];

    /// <summary>What the environment asks for; null where it asks for nothing.</summary>
    /// <exception cref="HarnessException">It asks for what there is not.</exception>
    public static string? Asked() => Environment.GetEnvironmentVariable(Variable) switch
    {
        null or "" => null,
        { } kind when Kinds.Contains(kind) || InstructionsOf(kind) is not null => kind,
        { } other => throw new HarnessException(ExitCode.Usage, $"{Variable}={other}: there is no such regression; legal: {string.Join(", ", Kinds)}, {Instructions}:N; or unset it"),
    };

    /// <summary>The store with the regression before it, or just the store.</summary>
    public static IBlock Before(IBlock store, string? kind) => kind switch
    {
        null => store,
        SystemCall => new SystemCallBlock(store),
        Allocation => new AllocationBlock(store),
        BusyWait => new BusyWaitBlock(store),
        _ when InstructionsOf(kind) is { } count => new InstructionsBlock(store, count),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, $"not one of {nameof(Kinds)}"),
    };

    /// <summary>In one line, what each request of such a server costs more.</summary>
    public static string Describe(string kind) => $"{Variable}={kind}: every request costs {Cost(kind)} more, on purpose";

    /// <summary>For the run's record and whoever reads it.</summary>
    public static Warning Warning(string kind) => new("seeded-regression", Describe(kind), $"unset {Variable}, unless you check whether a gate finds it");

    private static string Cost(string kind) => kind switch
    {
        SystemCall => "one system call",
        Allocation => "one allocation",
        _ when InstructionsOf(kind) is { } count => string.Create(CultureInfo.InvariantCulture, $"{count} instructions"),
        _ => "5 µs of busy waiting",
    };

    private static int? InstructionsOf(string kind) =>
        kind.Split(':') is [Instructions, var count]
        && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int instructions) && instructions is >= 1 and <= MostInstructions
            ? instructions : null;
}
