using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Harness.Tests;

/// <summary>
/// An NBD client that sends exactly the bytes it is told to. Its numbers are those of the protocol text and not the program's own
/// constants, so that a wrong constant cannot agree with itself.
/// </summary>
internal sealed class RawNbd : IDisposable
{
    public const ulong OptionMagic = 0x49484156454F5054;
    public const uint RequestMagic = 0x25609513;
    public const uint FixedNewstyle = 1, NoZeroes = 2;
    public const uint ExportName = 1, Abort = 2, List = 3, PeekExport = 4, StartTls = 5, Info = 6, Go = 7;
    public const uint StructuredReply = 8, SetMetaContext = 10, ExtendedHeaders = 11;
    public const uint RepAck = 1, RepServer = 2, RepInfo = 3, RepMetaContext = 4;
    public const uint ErrUnsup = 0x8000_0001, ErrInvalid = 0x8000_0003, ErrUnknown = 0x8000_0006, ErrTooBig = 0x8000_0009;
    public const ushort Read = 0, Write = 1, Disc = 2, Flush = 3, Trim = 4, WriteZeroes = 6, BlockStatus = 7;
    public const uint EPERM = 1, EINVAL = 22, ENOSPC = 28, EOVERFLOW = 75;

    private readonly Socket _socket;

    /// <summary>Connects, and takes the server's greeting.</summary>
    public RawNbd(HarnessServer server)
    {
        _socket = server.Connect();
        _socket.ReceiveTimeout = _socket.SendTimeout = 30_000;
        Assert.Equal(0x4e42444d41474943u, U64(Receive(8)));
        Assert.Equal(OptionMagic, U64(Receive(8)));
        Assert.Equal((ushort)(FixedNewstyle | NoZeroes), U16(Receive(2)));
    }

    /// <summary>When set, bytes leave one by one, each in a segment of its own.</summary>
    public bool ByteByByte { get; init; }

    public static byte[] Be(ushort value) => [(byte)(value >> 8), (byte)value];

    public static byte[] Be(uint value) => [.. Be((ushort)(value >> 16)), .. Be((ushort)value)];

    public static byte[] Be(ulong value) => [.. Be((uint)(value >> 32)), .. Be((uint)value)];

    public static ushort U16(byte[] bytes, int at = 0) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));

    public static uint U32(byte[] bytes, int at = 0) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));

    public static ulong U64(byte[] bytes, int at = 0) => BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(at));

    /// <summary>An option request; its length field says <paramref name="length"/> where that is given.</summary>
    public static byte[] Option(uint option, byte[] data, uint? length = null) =>
        [.. Be(OptionMagic), .. Be(option), .. Be(length ?? (uint)data.Length), .. data];

    /// <summary>The data of INFO and GO.</summary>
    public static byte[] InfoData(string name, params ushort[] asked) =>
        [.. Be((uint)Encoding.UTF8.GetByteCount(name)), .. Encoding.UTF8.GetBytes(name), .. Be((ushort)asked.Length), .. asked.SelectMany(Be)];

    /// <summary>A compact request, without a WRITE's data.</summary>
    public static byte[] Request(ushort type, ulong cookie, ulong offset, uint length, ushort flags = 0) =>
        [.. Be(RequestMagic), .. Be(flags), .. Be(type), .. Be(cookie), .. Be(offset), .. Be(length)];

    public void Send(params byte[][] parts)
    {
        var bytes = parts.SelectMany(part => part).ToArray();
        var step = ByteByByte ? 1 : Math.Max(1, bytes.Length);
        for (var at = 0; at < bytes.Length; at += step)
        {
            for (var part = bytes.AsSpan(at, Math.Min(step, bytes.Length - at)); part.Length > 0;)
            {
                part = part[_socket.Send(part)..];
            }
        }
    }

    /// <summary>Lets the close be a reset where the transport has one.</summary>
    public void ResetAtClose() => _socket.LingerState = new LingerOption(true, 0);

    public byte[] Receive(int count)
    {
        var bytes = new byte[count];
        for (var at = 0; at < count;)
        {
            var received = _socket.Receive(bytes, at, count - at, SocketFlags.None);
            Assert.True(received > 0, $"the server closed the connection after {at} of {count} bytes");
            at += received;
        }
        return bytes;
    }

    /// <summary>One option reply: its type and data. Magic and option are checked.</summary>
    public (uint Type, byte[] Data) OptionReply(uint option)
    {
        var header = Receive(20);
        Assert.Equal(0x0003e889045565a9u, U64(header));
        Assert.Equal(option, U32(header, 8));
        return (U32(header, 12), Receive(checked((int)U32(header, 16))));
    }

    /// <summary>Asserts the type of the next option reply; returns its data.</summary>
    public byte[] Expect(uint option, params uint[] types)
    {
        var (type, data) = OptionReply(option);
        Assert.True(types.Contains(type), $"reply type 0x{type:x} to option {option} is none of {string.Join(", ", types.Select(t => $"0x{t:x}"))}");
        return data;
    }

    /// <summary>All replies to INFO or GO up to and with ACK, which must be the last; infos by type.</summary>
    public Dictionary<ushort, byte[]> ExpectInfos(uint option)
    {
        var infos = new Dictionary<ushort, byte[]>();
        for (; ; )
        {
            var (type, data) = OptionReply(option);
            if (type == RepAck)
            {
                Assert.Empty(data);
                Assert.True(infos.TryGetValue(0, out var export) && export.Length == 12, "no NBD_INFO_EXPORT of 12 bytes before ACK");
                return infos;
            }
            Assert.Equal(RepInfo, type);
            infos.Add(U16(data), data);
        }
    }

    /// <summary>One simple reply: its cookie, error and, for a READ that succeeded, data.</summary>
    public (ulong Cookie, uint Error) Reply()
    {
        var header = Receive(16);
        Assert.Equal(0x67446698u, U32(header));
        return (U64(header, 8), U32(header, 4));
    }

    /// <summary>Asserts the next reply's cookie and that its error is one of those given.</summary>
    public void ExpectReply(ulong cookie, params uint[] errors)
    {
        var (got, error) = Reply();
        Assert.Equal(cookie, got);
        Assert.True(errors.Contains(error), $"error {error} is none of {string.Join(", ", errors)}");
    }

    /// <summary>One chunk of a structured reply, or of one with extended headers, and nothing in it but this.</summary>
    public void ExpectChunk(bool extended, ulong cookie, ulong requestOffset, ushort type, bool isLast, byte[] payload)
    {
        byte[] header = Receive(extended ? 32 : 20);
        Assert.Equal(extended ? 0x6e8a278cu : 0x668e33efu, U32(header));
        Assert.Equal((isLast ? 1 : 0, type, cookie), (U16(header, 4), U16(header, 6), U64(header, 8)));
        Assert.Equal(requestOffset, extended ? U64(header, 16) : requestOffset);
        Assert.Equal((ulong)payload.Length, extended ? U64(header, 24) : U32(header, 16));
        Assert.Equal(payload, Receive(payload.Length));
    }

    /// <summary>Asserts that transmission works: a WRITE, and a READ of it.</summary>
    public void ExpectTransmission()
    {
        var data = Enumerable.Range(0, 512).Select(i => (byte)(i * 7)).ToArray();
        Send(Request(Write, 0xfeed_0001, 4096, 512), data);
        ExpectReply(0xfeed_0001, 0);
        Send(Request(Read, 0xfeed_0002, 4096, 512));
        ExpectReply(0xfeed_0002, 0);
        Assert.Equal(data, Receive(512));
    }

    /// <summary>Asserts that the server closes, orderly or not, and sends nothing before.</summary>
    public void ExpectDrop()
    {
        try
        {
            var bytes = new byte[256];
            var received = _socket.Receive(bytes);
            Assert.True(received == 0, $"expected the server to close, but it sent {Convert.ToHexStringLower(bytes.AsSpan(0, received))}");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown or SocketError.ConnectionAborted)
        {
            // A server that closes with our bytes unread resets the connection.
        }
    }

    public void Dispose() => _socket.Dispose();
}
