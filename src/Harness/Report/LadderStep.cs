using Harness.Matrix;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Report;

/// <summary>A cell as a step of the ladder: what carries it, and what it carries.</summary>
/// <param name="Cell">The cell.</param>
/// <param name="Rounds">Its rounds whose figures count; at least one.</param>
internal sealed record LadderStep(Cell Cell, CellRecord[] Rounds)
{
    // What the exchange and an NBD cell must share, so that their bytes and their waiting are the same.
    private static readonly string[] s_shared = ["wait", "client_wait", "connections", "depth", "size", "rw", "transport"];

    private static readonly string[] s_stores = [.. StoreCatalog.All.Select(store => store.Name)];

    // Stores over others: what the catalog has between the two is not under them.
    private static readonly Dictionary<string, string> s_over = new() { ["nbd"] = "memory", ["ext2"] = "file" };

    /// <summary>How high it lies: NOPs, the exchange, then the stores in the order of their catalog.</summary>
    public int Level { get; } = Cell.Layer switch
    {
        Vocabulary.Nop => 0,
        Vocabulary.Exchange => 1,
        _ => LevelOf(Store(Cell)),
    };

    /// <summary>What it is called.</summary>
    public string Name => Cell.IsBare ? Cell.Layer : Cell["block"];

    /// <summary>Whether a cell has a place on the ladder: not with peers, and not where a schedule decides how many operations there are.</summary>
    public static bool Has(Cell cell) =>
        cell.Layer is Vocabulary.Nop or Vocabulary.Exchange || (cell is { HasOurServer: true, HasOurClient: true, IsOpenLoop: false });

    /// <summary>Whether the other one stands on it: does the same, and one thing more.</summary>
    public bool Carries(LadderStep upper) => Level < upper.Level && Level <= upper.HighestUnder && Cell.Layer switch
    {
        Vocabulary.Nop => Cell["depth"] == upper.Cell["depth"],
        Vocabulary.Exchange => Array.TrueForAll(s_shared, axis => Cell[axis] == upper.Cell[axis]),
        _ => Axis.Names.All(axis => axis == "block" || Cell[axis] == upper.Cell[axis]),
    };

    // A second server's bytes are memory, and an image is a file.
    private int HighestUnder => s_over.TryGetValue(Store(Cell), out var under) ? LevelOf(under) : Level;

    private static string Store(Cell cell) => cell["block"].Split(':')[0];

    private static int LevelOf(string store) => 2 + (Array.IndexOf(s_stores, store) is var place and >= 0 ? place : s_stores.Length);
}
