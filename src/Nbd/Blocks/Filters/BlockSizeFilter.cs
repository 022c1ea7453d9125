using System.Numerics;

namespace Harness.Nbd;

/// <summary>
/// Lets the next block see only requests that are multiples of a smallest size and no larger than a largest: others are split, and what begins or ends within
/// a block is read, altered and written back. Clients may ask for anything.
/// </summary>
public sealed class BlockSizeFilter : BlockFilter
{
    private readonly PerLoop<JobPool<BlockSizeJob>> _pools;

    private BlockSizeFilter(IBlock next, uint minimum, uint preferred, uint maximum)
        : base(next)
    {
        Minimum = minimum;
        Maximum = maximum;
        Size = next.Size & ~((ulong)minimum - 1);
        Constraints = BlockSizeConstraints.Default with { Preferred = preferred };
        _pools = new PerLoop<JobPool<BlockSizeJob>>(home => new JobPool<BlockSizeJob>(pool => new BlockSizeJob(this, home, pool)));
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "blocksize",
        "What is behind it sees only aligned requests of at most a largest size; others are split, or read, altered and written back.",
        "blocksize:minimum=4k,maximum=64k/memory:1G",
        [
            new("minimum", "SIZE", "offsets and lengths become multiples of this power of two, up to 64k; a shorter tail of the disk is cut off [default: what is behind it asks for]"),
            new("preferred", "SIZE", "what clients are told to prefer, a power of two from 512 to 32M [default: what is behind it prefers]"),
            new("maximum", "SIZE", "bytes of one READ or WRITE at most, a multiple of minimum [default: 32M]"),
        ],
        Make);

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override ulong Size { get; }

    /// <inheritdoc/>
    public override BlockSizeConstraints Constraints { get; }

    /// <summary>Bytes of which every request becomes a multiple.</summary>
    internal uint Minimum { get; }

    /// <summary>Bytes of data at most in one request.</summary>
    internal uint Maximum { get; }

    /// <summary>Keeps changes apart that alter a part of a block.</summary>
    internal ChangeGate Changes { get; } = new();

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        bool hasData = request.Command is NbdCommand.Read or NbdCommand.Write;
        bool changes = request.Command is NbdCommand.Write or NbdCommand.WriteZeroes;
        bool fits = ((request.Offset | request.Length) & (Minimum - 1)) == 0 && (!hasData || request.Length <= Maximum);
        if (fits && (!changes || Minimum == 1))
        {
            Pass(request);
        }
        else
        {
            BlockSizeJob job = _pools.Of(request.Home).Rent();
            job.Take(request);
            job.Begin();
        }
    }

    private static BlockSizeFilter Make(FilterArguments arguments, IBlock next)
    {
        uint least = next.Constraints.Minimum;
        ulong minimum = arguments.Size("minimum", least);
        if (!BitOperations.IsPow2(minimum) || minimum > Limits.MaxMinimumBlockBytes || minimum < least)
        {
            throw arguments.Wrong($"minimum={minimum} is not a power of two from {least} to {Limits.MaxMinimumBlockBytes}");
        }

        ulong preferred = arguments.Size("preferred", Math.Max(next.Constraints.Preferred, minimum));
        if (!BitOperations.IsPow2(preferred) || preferred < 512 || preferred < minimum || preferred > Limits.MaxPayloadBytes)
        {
            throw arguments.Wrong($"preferred={preferred} is not a power of two from {Math.Max(512, minimum)} to {Limits.MaxPayloadBytes}");
        }

        ulong most = Math.Min(next.Constraints.MaximumPayload, Limits.MaxPayloadBytes) & ~(minimum - 1);
        ulong maximum = arguments.Size("maximum", most);
        if (maximum == 0 || maximum % minimum != 0 || maximum > most)
        {
            throw arguments.Wrong($"maximum={maximum} is not a multiple of {minimum} up to {most}");
        }

        if (next.Size < minimum)
        {
            throw arguments.Wrong($"minimum={minimum} is more than the {next.Size} bytes of {next.Describe()}");
        }

        return new BlockSizeFilter(next, (uint)minimum, (uint)preferred, (uint)maximum) { Parameters = arguments.Text };
    }
}
