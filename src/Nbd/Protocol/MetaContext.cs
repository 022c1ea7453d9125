using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>What an extent of the metadata context <c>base:allocation</c> is. NBD protocol, "Metadata contexts"; 0 is always a legal answer.</summary>
[Flags]
public enum AllocationFlags : uint
{
    /// <summary>Data, as far as anyone knows.</summary>
    None = 0,

    /// <summary>HOLE: no space is taken; a write may run out of it.</summary>
    Hole = 1 << 0,

    /// <summary>ZERO: it reads as zeroes.</summary>
    Zero = 1 << 1,
}

/// <summary>
/// One metadata context, as a server names it: the data of a META_CONTEXT reply, <c>u32 id, rest = name</c>. NBD protocol, "Option reply types". Any thread may
/// call.
/// </summary>
/// <param name="Id">The server's number for it, which BLOCK_STATUS chunks carry; 0 in the answer to LIST_META_CONTEXT.</param>
/// <param name="Name">For example <c>base:allocation</c>.</param>
public readonly record struct MetaContext(uint Id, string Name)
{
    /// <summary>The one context that the protocol itself defines.</summary>
    public const string Allocation = "base:allocation";

    /// <summary>The number that our server gives to <see cref="Allocation"/>.</summary>
    public const uint AllocationId = 1;

    /// <summary>Parses the whole data of a META_CONTEXT reply. Anything wrong ends the connection.</summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> data, out MetaContext context)
    {
        context = new MetaContext(0, string.Empty);
        if (data.Length < 4)
        {
            return ParseVerdict.Drop($"a META_CONTEXT reply needs at least 4 bytes of data, but {data.Length} came");
        }

        if (!WireText.TryDecode(data[4..], "the metadata context's name", out string name, out string error))
        {
            return ParseVerdict.Drop($"in a META_CONTEXT reply, {error}");
        }

        context = new MetaContext(BinaryPrimitives.ReadUInt32BigEndian(data), name);
        return ParseVerdict.Ok;
    }
}
