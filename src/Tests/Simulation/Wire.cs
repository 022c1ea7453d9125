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

    private static byte[] U16(ushort value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
