using Harness.Matrix;

namespace Harness.Run;

/// <summary>A cell in the words of nbdcopy(1), or of our own <c>copy</c>, which has the same: the whole export, once, into nothing.</summary>
internal static class NbdcopyArguments
{
    // What its options accept; a smaller request is an error, and a larger one more than a server has to take.
    private const long LeastRequestBytes = 4096;
    private const long MostRequestBytes = 32 << 20;

    // Under bash, which times a command to the millisecond: its own start and end are in the figures. What the command itself says stays on stderr. The
    // lifeline of our own program is the shell's already.
    private const string Timed = $$"""unset {{Lifeline.Variable}}; TIMEFORMAT='%3R %3U %3S'; { time "$@" 2>&3; } 3>&2 2>"$0" """;

    /// <summary>Why nbdcopy cannot load the server as a cell wants it, in one line; null where it can.</summary>
    public static string? Refusal(Cell cell) => cell switch
    {
        { IsOpenLoop: true } => $"{cell["client"]} has no rate; leave rate at closed",
        _ when cell["rw"] != "read" || cell["pattern"] != "sequential" => $"{cell["client"]} reads from the beginning to the end; give rw: read and pattern: sequential",
        _ when Bytes(cell) is not (>= LeastRequestBytes and <= MostRequestBytes) => $"{cell["client"]}'s requests have one size from 4k to 32M",
        _ when PeerExport.Of(cell["block"]) is null => $"{cell["client"]} reads all of memory:SIZE or null:SIZE, so that its operations can be counted",
        _ => null,
    };

    /// <summary>Requests that it takes to read an export.</summary>
    public static long Operations(Cell cell) => (PeerExport.Of(cell["block"])!.Size + Bytes(cell)!.Value - 1) / Bytes(cell)!.Value;

    /// <param name="cell">Which load.</param>
    /// <param name="program">The words before the verbs of our own program.</param>
    /// <param name="uri">The server.</param>
    /// <param name="output">Where its times go.</param>
    public static IReadOnlyList<string> For(Cell cell, IReadOnlyList<string> program, string uri, string output) =>
    [
        "bash", "-c", Timed, output, .. Copier(cell, program),
        $"--request-size={Bytes(cell)}", $"--requests={cell["depth"]}", $"--connections={cell["connections"]}", uri, "null:",
    ];

    // Every byte is asked for, and nobody looks for zeroes in what comes.
    private static IEnumerable<string> Copier(Cell cell, IReadOnlyList<string> program) => cell["client"] == Vocabulary.Copy
        ? [.. program, "copy", "--no-extents"]
        : ["nbdcopy", "--no-extents", "--sparse=0", $"--threads={cell["connections"]}"];

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
