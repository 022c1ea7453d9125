using System.Numerics;

namespace Harness.Nbd;

/// <summary>What sizes an export takes. NBD protocol, "Block size constraints". Immutable; any thread may read it.</summary>
/// <param name="Minimum">Bytes of which every offset and length is a multiple: a power of two, 1 to 65,536.</param>
/// <param name="Preferred">Bytes from which on aligned requests are quick: a power of two, at least 512 and at least <paramref name="Minimum"/>.</param>
/// <param name="MaximumPayload">Bytes of data in a READ or WRITE at most; 0xffffffff is no limit. TRIM and WRITE_ZEROES may cover more.</param>
public readonly record struct BlockSizeConstraints(uint Minimum, uint Preferred, uint MaximumPayload)
{
    /// <summary>What holds where nothing was announced: 1, 4096, 32 MiB.</summary>
    public static BlockSizeConstraints Default => new(1, 4096, Limits.MaxPayloadBytes);

    /// <summary>
    /// Whether the three fit the protocol's rules, and each other. The largest payload must reach the preferred size or, as older texts have it, the export's
    /// size where that is smaller.
    /// </summary>
    /// <param name="exportSize">Bytes of the export.</param>
    /// <param name="error">Which rule is broken, or empty.</param>
    public bool TryCheck(ulong exportSize, out string error)
    {
        if (!BitOperations.IsPow2(Minimum) || Minimum > Limits.MaxMinimumBlockBytes)
        {
            error = $"the minimum block size is {Minimum}; it must be a power of two up to {Limits.MaxMinimumBlockBytes}";
        }
        else if (!BitOperations.IsPow2(Preferred) || Preferred < Math.Max(Minimum, 512))
        {
            error = $"the preferred block size is {Preferred}; it must be a power of two from {Math.Max(Minimum, 512)} on";
        }
        else if (MaximumPayload < Minimum || MaximumPayload < Math.Min(Preferred, exportSize))
        {
            error = $"the largest payload is {MaximumPayload}; it must be at least {Math.Max(Minimum, Math.Min(Preferred, exportSize))}";
        }
        else
        {
            error = string.Empty;
        }

        return error.Length == 0;
    }
}
