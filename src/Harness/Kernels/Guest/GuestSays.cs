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

    public sealed record Measured(int Cell, LoadResult Load) : GuestSays;

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
