namespace Harness.Nbd;

/// <summary>One partition of a disk, found by its number in a GPT or MBR table when the chain is made.</summary>
public sealed class PartitionFilter : WindowFilter
{
    private PartitionFilter(IBlock next, ulong start, ulong size)
        : base(next, start, size)
    {
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "partition",
        "One partition of what is behind it, by its number in a GPT or MBR table.",
        "partition:number=1/file:/srv/disk.img",
        [new("number", "N", "which, from 1 on; logical partitions of an MBR begin at 5")],
        Make);

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <summary>What is behind it has been open since its table was read.</summary>
    public override void Open()
    {
    }

    private static PartitionFilter Make(FilterArguments arguments, IBlock next)
    {
        _ = arguments.Required("number");
        int number = (int)arguments.Count("number", 0, 1, 1_000_000);
        try
        {
            BlockNode.Of(next).TryOpen();
            using var peek = new BlockPeek(next);
            (ulong start, ulong size) = new PartitionTable(peek.Read, next.Size).Find(number);
            uint block = next.Constraints.Minimum;
            return (start | size) % block == 0
                ? new PartitionFilter(next, start, size) { Parameters = arguments.Text }
                : throw new BlockException($"partition {number} does not begin and end on multiples of {block}, the smallest block of {next.Describe()}");
        }
        catch (IOException e) when (e is not BlockException { IsUsage: true })
        {
            throw new BlockException($"'{Kind.Name}': {e.Message}");
        }
    }
}
