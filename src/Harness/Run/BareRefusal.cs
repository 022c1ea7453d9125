using System.Globalization;
using Harness.Events;
using Harness.Ladder;
using Harness.Matrix;

namespace Harness.Run;

/// <summary>What the layers other than NBD cannot do.</summary>
internal static class BareRefusal
{
    /// <summary>Why a layer other than NBD cannot run as a cell wants it, in one line; null where it can.</summary>
    public static string? Of(Cell cell) => cell switch
    {
        _ when cell["server"] != Vocabulary.Ours || cell["client"] != Vocabulary.Ours => $"the layer {cell.Layer} has no peers; leave server and client at {Vocabulary.Ours}",
        { IsOpenLoop: true } => $"the layer {cell.Layer} keeps no schedule; leave rate at {Vocabulary.ClosedLoop}",
        { Layer: Vocabulary.Nop } when int.Parse(cell["depth"], CultureInfo.InvariantCulture) > RungOptions.MaxNops => $"a ring has at most {RungOptions.MaxNops} entries; give nop a smaller depth",
        { Layer: Vocabulary.Events } => EventVariants.TooMany(int.Parse(cell["tokens"], CultureInfo.InvariantCulture), int.Parse(cell["pipes"], CultureInfo.InvariantCulture)),
        { Layer: Vocabulary.Nop or Vocabulary.Syscall } => null,
        _ when cell["rw"] != "read" => "the exchange has the bytes of reads; leave rw at read",
        _ when cell["wait"] == "adaptive" => "the exchange blocks or spins; leave adaptive to NBD",
        _ when cell["size"].Contains(':') => "the exchange has one size; give no shares",
        _ => null,
    };
}
