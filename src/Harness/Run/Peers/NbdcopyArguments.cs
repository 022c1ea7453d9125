using Harness.Matrix;

namespace Harness.Run;

/// <summary>A cell in nbdcopy's words, see nbdcopy(1): the whole export, once, into nothing.</summary>
internal static class NbdcopyArguments
{
    // What its options accept; a smaller request is an error, and a larger one more than a server has to take.
    private const long LeastRequestBytes = 4096;
    private const long MostRequestBytes = 32 << 20;

    // Under bash, which times a command to the millisecond: its own start and end are in the figures. What nbdcopy itself says stays on stderr.
    private const string Timed = """TIMEFORMAT='%3R %3U %3S'; { time "$@" 2>&3; } 3>&2 2>"$0" """;

    /// <summary>Why nbdcopy cannot load the server as a cell wants it, in one line; null where it can.</summary>
    public static string? Refusal(Cell cell) => cell switch
    {
        { IsOpenLoop: true } => "nbdcopy has no rate; leave rate at closed",
        _ when cell["rw"] != "read" || cell["pattern"] != "sequential" => "nbdcopy reads from the beginning to the end; give rw: read and pattern: sequential",
        _ when Bytes(cell) is not (>= LeastRequestBytes and <= MostRequestBytes) => "nbdcopy's requests have one size from 4k to 32M",
        _ when PeerExport.Of(cell["block"]) is null => "nbdcopy reads all of memory:SIZE or null:SIZE, so that its operations can be counted",
        _ => null,
    };

    /// <summary>Requests that it takes to read an export.</summary>
    public static long Operations(Cell cell) => (PeerExport.Of(cell["block"])!.Size + Bytes(cell)!.Value - 1) / Bytes(cell)!.Value;

    /// <param name="cell">Which load.</param>
    /// <param name="uri">The server.</param>
    /// <param name="output">Where its times go.</param>
    public static IReadOnlyList<string> For(Cell cell, string uri, string output) =>
    [
        "bash", "-c", Timed, output, "nbdcopy",
        // Every byte is asked for, and nobody looks for zeroes in what comes.
        "--no-extents", "--sparse=0", $"--request-size={Bytes(cell)}",
        $"--requests={cell["depth"]}", $"--connections={cell["connections"]}", $"--threads={cell["connections"]}", uri, "null:",
    ];

    private static long? Bytes(Cell cell)
    {
        try
        {
            return Units.ParseSize(cell["size"]);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
