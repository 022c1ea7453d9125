using System.Globalization;
using System.Text.Json;
using Harness.Report;
using Harness.Results;

namespace Harness.Kernels.Guest;

/// <summary>A line of a guest, understood: see <c>guest-init.sh</c>.</summary>
internal abstract record GuestSays
{
    public sealed record Facts(ProbeDocument Probe) : GuestSays;

    public sealed record Begin(int Cell) : GuestSays;

    /// <param name="Cell">Which.</param>
    /// <param name="Load">What the load generator, or the rung, found.</param>
    /// <param name="Window">What the emulator counted meanwhile, which the guest knows nothing of; null where it did not.</param>
    public sealed record Measured(int Cell, LoadResult Load, InstructionWindow? Window = null) : GuestSays;

    /// <summary>A piece of the kernel's list of symbols: base64 of what gzip made of it.</summary>
    public sealed record Symbols(string Piece) : GuestSays;

    public sealed record NotMeasured(int Cell, CellStatus Status, string Reason) : GuestSays;

    /// <summary>A case that measures nothing.</summary>
    public sealed record Passed(int Cell, string Seen) : GuestSays;

    public sealed record Trouble(string Text) : GuestSays;

    public sealed record End : GuestSays;

    /// <summary>Null for a line that means nothing, as one that was cut.</summary>
    public static GuestSays? Read(string line)
    {
        string[] words = line.Trim('\r', '\n', ' ').Split(' ', 4);
        try
        {
            return words switch
            {
                ["end"] => new End(),
                ["facts", ..] => new Facts(JsonSerializer.Deserialize(line.Trim()["facts ".Length..], ResultsJson.Line.ProbeDocument)!),
                ["begin", var cell] => new Begin(Number(cell)),
                ["cell", var cell, "ok", var json] => new Measured(Number(cell), JsonSerializer.Deserialize(json, ResultsJson.Line.LoadResult)!),
                ["cell", var cell, "passed", var seen] => new Passed(Number(cell), seen),
                ["cell", var cell, "skipped", var why] => new NotMeasured(Number(cell), CellStatus.Skipped, why),
                ["cell", var cell, "failed", var why] => new NotMeasured(Number(cell), CellStatus.Failed, why),
                ["symbols", var piece] => new Symbols(piece),
                ["failed", ..] => new Trouble(line.Trim()["failed ".Length..]),
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException)
        {
            return null;
        }
    }

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
