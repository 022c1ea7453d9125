using System.Buffers.Binary;
using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Bytes as a client sends them, and replies as it reads them; written out by hand, so that a fault of the codec does not hide itself.</summary>
internal static class Wire
{
    public static byte[] Flags(uint flags = 3) => U32(flags);

    public static byte[] Option(uint option, params byte[] data) => [.. "IHAVEOPT"u8, .. U32(option), .. U32((uint)data.Length), .. data];

    public static byte[] Go(string name) => Option(7, NameAndInfos(name));

    public static byte[] NameAndInfos(string name) => [.. U32((uint)name.Length), .. Encoding.UTF8.GetBytes(name), 0, 0];

    public static byte[] Request(NbdCommand command, ulong cookie, ulong offset, uint length, ushort flags = 0) =>
        [.. U32(0x25609513), .. U16(flags), .. U16((ushort)command), .. U64(cookie), .. U64(offset), .. U32(length)];

    public static byte[] Read(ulong cookie, ulong offset, uint length) => Request(NbdCommand.Read, cookie, offset, length);

    public static byte[] Write(ulong cookie, ulong offset, byte[] data, ushort flags = 0) =>
        [.. Request(NbdCommand.Write, cookie, offset, (uint)data.Length, flags), .. data];

    public static byte[] ExtendedRequest(NbdCommand command, ulong cookie, ulong offset, ulong length, ushort flags = 0) =>
        [.. U32(0x21e41c71), .. U16(flags), .. U16((ushort)command), .. U64(cookie), .. U64(offset), .. U64(length)];

    public static byte[] ExtendedWrite(ulong cookie, ulong offset, byte[] data, ushort flags = 0x20) =>
        [.. ExtendedRequest(NbdCommand.Write, cookie, offset, (ulong)data.Length, flags), .. data];

    /// <summary>The data of LIST_META_CONTEXT and SET_META_CONTEXT.</summary>
    public static byte[] Queries(string name, params string[] queries) =>
    [
        .. U32((uint)name.Length), .. Encoding.UTF8.GetBytes(name), .. U32((uint)queries.Length),
        .. queries.SelectMany(query => (byte[])[.. U32((uint)query.Length), .. Encoding.UTF8.GetBytes(query)]),
    ];

    /// <summary>A structured chunk; flag 1 is DONE.</summary>
    public static byte[] Chunk(ulong cookie, ushort flags, ushort type, params byte[] payload) =>
        [.. U32(0x668e33ef), .. U16(flags), .. U16(type), .. U64(cookie), .. U32((uint)payload.Length), .. payload];

    /// <summary>An extended chunk; flag 1 is DONE.</summary>
    public static byte[] ExtendedChunk(ulong cookie, ulong offset, ushort flags, ushort type, params byte[] payload) =>
        [.. U32(0x6e8a278c), .. U16(flags), .. U16(type), .. U64(cookie), .. U64(offset), .. U64((ulong)payload.Length), .. payload];

    /// <summary>The payload of OFFSET_DATA.</summary>
    public static byte[] DataAt(ulong offset, ReadOnlySpan<byte> data) => [.. U64(offset), .. data];

    /// <summary>The payload of OFFSET_HOLE.</summary>
    public static byte[] HoleAt(ulong offset, uint length) => [.. U64(offset), .. U32(length)];

    public static byte[] Disconnect() => Request(NbdCommand.Disconnect, 0, 0, 0);

    public static byte[] Reply(ulong cookie, uint error = 0, params byte[] data) => [.. U32(0x67446698), .. U32(error), .. U64(cookie), .. data];

    /// <summary>Bytes that differ from one seed to the next.</summary>
    public static byte[] Data(int seed, int length)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    /// <summary>Cookie and error of each reply, where none carries data.</summary>
    public static List<(ulong Cookie, uint Error)> Replies(byte[] bytes)
    {
        var replies = new List<(ulong, uint)>();
        for (int at = 0; at < bytes.Length; at += 16)
        {
            Assert.Equal(0x67446698u, BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at)));
            replies.Add((BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(at + 8)), BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at + 4))));
        }

        return replies;
    }

    public static byte[] U16(ushort value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
