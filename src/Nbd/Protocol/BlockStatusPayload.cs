using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// The payload that an extended BLOCK_STATUS may have: <c>u64 effect length, n × u32 context id</c>. It asks for some of the selected contexts only. NBD
/// protocol, extension "Extended headers". Any thread may call; nothing is allocated.
/// </summary>
public static class BlockStatusPayload
{
    /// <summary>
    /// Bytes of the only payload that can be right here: there is one context to select, and no context may be named twice.
    /// </summary>
    public const int Size = 12;

    /// <summary>Writes a payload that asks for one context, <see cref="Size"/> bytes.</summary>
    public static void Write(Span<byte> destination, ulong effectLength, uint contextId)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], contextId);
        BinaryPrimitives.WriteUInt64BigEndian(destination, effectLength);
    }

    /// <summary>Reads a payload of <see cref="Size"/> bytes.</summary>
    public static void Read(ReadOnlySpan<byte> payload, out ulong effectLength, out uint contextId)
    {
        contextId = BinaryPrimitives.ReadUInt32BigEndian(payload[8..]);
        effectLength = BinaryPrimitives.ReadUInt64BigEndian(payload);
    }
}
