using System.Globalization;
using System.Text;
using Harness.Matrix;
using Harness.Run;
using Seeded = Harness.Serve.SeededRegression;

namespace Harness.Kernels.Guest;

/// <summary>What one boot is to measure: a script of calls of the functions of <c>guest-init.sh</c>.</summary>
/// <param name="Cells">The cells, in order.</param>
/// <param name="Ops">Operations of a measured part.</param>
/// <param name="Seed">Of the load.</param>
/// <param name="Facts">Whether the guest is to say what its kernel is and does.</param>
internal sealed record GuestPlan(IReadOnlyList<Cell> Cells, long Ops, ulong Seed, bool Facts)
{
    /// <summary>
    /// Bare system calls in place of one operation: they are so cheap that else one tick of the kernel's clock, more or less, would be seen in them.
    /// </summary>
    public const int SyscallsForOp = 25;

    /// <summary>In a guest that measures time, for how long; null counts <see cref="Ops"/> operations.</summary>
    public GuestTimes? Times { get; init; }

    /// <summary>Whether the guest is to tell its kernel's symbols.</summary>
    public bool Symbols { get; init; }

    /// <summary>The regression that its servers have on purpose; null where none.</summary>
    public string? SeededRegression { get; init; }

    public string Script()
    {
        var script = new StringBuilder("# What this boot measures.\n");
        if (Times is not null)
        {
            script.Append("timed\n");
        }
        if (SeededRegression is { } seeded)
        {
            script.Append(CultureInfo.InvariantCulture, $"export {Seeded.Variable}={seeded}\n");
        }
        if (Facts)
        {
            script.Append("facts\n");
        }
        if (Symbols)
        {
            script.Append("symbols\n");
        }
        for (int i = 0; i < Cells.Count; i++)
        {
            script.Append(Cells[i].Layer == Vocabulary.Syscall
                ? string.Create(CultureInfo.InvariantCulture, $"rung {i} '{Vocabulary.Syscall} {string.Join(' ', Amount(SyscallsForOp))}'\n")
                : string.Create(CultureInfo.InvariantCulture, $"cell {i} '{string.Join(' ', Serve(Cells[i]))}' '{string.Join(' ', Load(Cells[i]))}'\n"));
        }
        return script.ToString();
    }

    /// <summary>
    /// The cells of a server one after the other, since a server and its load generator live as long as cells ask for the same; servers in the order in which
    /// they are first asked for, and cells of one in theirs.
    /// </summary>
    public static IReadOnlyList<Cell> ByServer(IReadOnlyList<Cell> order) =>
        [.. order.GroupBy(cell => cell.IsBare ? cell.Id : string.Join(' ', Serve(cell))).SelectMany(cells => cells)];

    /// <summary>Why a cell cannot be measured in a guest, in one line; null where it can.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="timed">Whether the guest measures time, on two CPUs; else it counts, on one.</param>
    public static string? Refusal(Cell cell, bool timed = false) => cell switch
    {
        { Layer: Vocabulary.Syscall } => BareRefusal.Of(cell),
        _ when cell.IsBare => "guests measure NBD and bare system calls; leave layer at nbd or syscall",
        _ when !cell.HasOurServer || !cell.HasOurClient => "guests have no peers; leave server and client at harness",
        _ when !timed && (cell["wait"] != "block" || cell.ClientWait != "block") => "on the one CPU of a guest a loop that spins keeps the other side waiting, and what it counts depends on it; leave wait at block",
        _ when cell["gather"] != Axis.DefaultGather => "in a guest nothing gathers, since the outcome of a trial would be in every figure; leave gather away",
        _ when cell.IsOpenLoop => "guests have no schedule; leave rate at closed",
        _ when cell.Loops != 1 => "a guest has one CPU for a server; leave loops at 1",
        _ when cell["block"].Contains('\'', StringComparison.Ordinal) || cell["block"].Contains("file", StringComparison.Ordinal) => "a guest has no files to serve; use a memory store",
        _ when MadeStore.In(cell["block"]) is not null => "a guest has no images and no second server to serve from; use a memory store",
        _ => null,
    };

    private static string[] Serve(Cell cell) =>
    [
        "--block", cell["block"], "--listen", Address(cell["transport"]),
        "--backend", cell.Backend, "--wait", cell["wait"], "--gather", "0s",
        .. cell["fill"] == "true" ? ["--fill"] : Array.Empty<string>(), .. TcpCongestion.Arguments(cell),
        .. cell["max_in_flight"] == Axis.DefaultMaxInFlight ? Array.Empty<string>() : ["--max-in-flight", cell["max_in_flight"]],
    ];

    private static string Address(string transport) => transport switch
    {
        "unix" => "nbd+unix:///?socket=/run/cell/nbd",
        "tcp" => "nbd://127.0.0.1:10809",
        _ => "nbd://[::1]:10809",
    };

    private string[] Load(Cell cell) =>
    [
        "--rw", cell["rw"], "--pattern", cell["pattern"], "--size", cell["size"], "--depth", cell["depth"], "--connections", cell["connections"],
        .. Amount(1), "--backend", cell.ClientBackend, "--wait", cell.ClientWait,
        .. cell["duplex"] == Vocabulary.Duplexes[0] ? Array.Empty<string>() : ["--duplex", cell["duplex"]],
        .. cell["timeline"] == "true" ? ["--timeline"] : Array.Empty<string>(),
        "--seed", Seed.ToString(CultureInfo.InvariantCulture), .. TcpCongestion.Arguments(cell),
    ];

    private string[] Amount(int factor) => Times is { } times
        ? ["--duration", Units.FormatTime(times.Measured), "--warmup", Units.FormatTime(times.Warmup)]
        : ["--ops", (Ops * factor).ToString(CultureInfo.InvariantCulture)];
}

/// <summary>How long a cell of a guest that measures time runs.</summary>
/// <param name="Measured">The measured part.</param>
/// <param name="Warmup">What runs before it.</param>
internal sealed record GuestTimes(TimeSpan Measured, TimeSpan Warmup);
