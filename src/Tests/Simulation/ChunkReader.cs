using System.Buffers.Binary;
using System.Text;

namespace Harness.Tests;

/// <summary>One chunk, or one simple reply (type -1), as it stood on the wire.</summary>
internal sealed record WireChunk(int Type, ushort Flags, ulong Cookie, ulong Offset, byte[] Payload, uint SimpleError)
{
    public bool IsSimple => Type < 0;

    public bool IsDone => IsSimple || (Flags & 1) != 0;

    /// <summary>Of an ERROR or ERROR_OFFSET.</summary>
    public uint Error => IsSimple ? SimpleError : BinaryPrimitives.ReadUInt32BigEndian(Payload);

    public string ErrorText => Encoding.UTF8.GetString(Payload.AsSpan(6, BinaryPrimitives.ReadUInt16BigEndian(Payload.AsSpan(4))));

    public ulong ErrorOffset => BinaryPrimitives.ReadUInt64BigEndian(Payload.AsSpan(Payload.Length - 8));

    public ulong DataOffset => BinaryPrimitives.ReadUInt64BigEndian(Payload);

    public byte[] Data => Payload[8..];

    public uint HoleBytes => BinaryPrimitives.ReadUInt32BigEndian(Payload.AsSpan(8));
}

/// <summary>Takes replies apart by the protocol's text alone.</summary>
internal static class ChunkReader
{
    public static List<WireChunk> Read(byte[] bytes)
    {
        var chunks = new List<WireChunk>();
        for (int at = 0; at < bytes.Length;)
        {
            chunks.Add(ReadOne(bytes, ref at));
        }

        return chunks;
    }

    private static WireChunk ReadOne(byte[] bytes, ref int at)
    {
        ReadOnlySpan<byte> rest = bytes.AsSpan(at);
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (magic == 0x67446698)
        {
            at += 16;
            return new WireChunk(-1, 1, BinaryPrimitives.ReadUInt64BigEndian(rest[8..]), 0, [], BinaryPrimitives.ReadUInt32BigEndian(rest[4..]));
        }

        bool extended = magic == 0x6e8a278c;
        Assert.True(extended || magic == 0x668e33ef, $"a reply begins with 0x{magic:x8}");
        int head = extended ? 32 : 20;
        int length = extended ? (int)BinaryPrimitives.ReadUInt64BigEndian(rest[24..]) : (int)BinaryPrimitives.ReadUInt32BigEndian(rest[16..]);
        at += head + length;
        return new WireChunk(
            BinaryPrimitives.ReadUInt16BigEndian(rest[6..]),
            BinaryPrimitives.ReadUInt16BigEndian(rest[4..]),
            BinaryPrimitives.ReadUInt64BigEndian(rest[8..]),
            extended ? BinaryPrimitives.ReadUInt64BigEndian(rest[16..]) : 0,
            rest.Slice(head, length).ToArray(),
            0);
    }
}
