using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Harness.Io;

/// <summary>
/// Where a stream socket listens or connects: a Unix path, or an IPv4 or IPv6 address and port. Holds the native sockaddr that connect(2) reads,
/// which must outlive the operation.
/// </summary>
public sealed unsafe class SocketEndpoint : IDisposable
{
    /// <summary>The longest Unix socket path in bytes: sun_path is 108 with its terminating zero, see unix(7).</summary>
    public const int MaxUnixPathBytes = 107;

    private byte* _address;

    private SocketEndpoint(int family, int length, string text)
    {
        Family = family;
        Length = length;
        Text = text;
        _address = (byte*)NativeMemory.AllocZeroed(128);
        MemoryMarshal.Write(new Span<byte>(_address, 2), (ushort)family);
    }

    /// <summary>Frees memory that nobody disposed of.</summary>
    ~SocketEndpoint() => NativeMemory.Free(_address);

    /// <summary>AF_UNIX, AF_INET or AF_INET6.</summary>
    public int Family { get; }

    /// <summary>True for a Unix socket.</summary>
    public bool IsUnix => Family == Native.Socket.AF_UNIX;

    /// <summary>The path of a Unix socket, or null.</summary>
    public string? UnixPath { get; private init; }

    /// <summary>Port of an internet address, or 0.</summary>
    public int Port => IsUnix ? 0 : BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(_address + 2, 2));

    /// <summary>Bytes of the sockaddr.</summary>
    public int Length { get; }

    /// <summary>For messages: the path, or address and port.</summary>
    public string Text { get; }

    /// <summary>
    /// TCP congestion control that sockets made for this endpoint are set to, by its kernel name; null leaves the machine's default. What a listening
    /// socket has, the connections that it accepts have too. Without meaning on a Unix socket.
    /// </summary>
    public string? CongestionControl { get; set; }

    internal void* Address => _address;

    /// <summary>A Unix socket.</summary>
    /// <exception cref="ArgumentException">The path is empty, too long, or has a zero byte.</exception>
    public static SocketEndpoint Unix(string path)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        if (bytes.Length is 0 or > MaxUnixPathBytes || bytes.Contains((byte)0))
        {
            throw new ArgumentException($"the Unix socket path '{path}' has {bytes.Length} bytes; it must have 1 to {MaxUnixPathBytes}, none of them zero: use a shorter path");
        }

        var endpoint = new SocketEndpoint(Native.Socket.AF_UNIX, 2 + bytes.Length + 1, path) { UnixPath = path };
        bytes.CopyTo(new Span<byte>(endpoint._address + 2, 108));
        return endpoint;
    }

    /// <summary>An IPv4 or IPv6 address and port.</summary>
    public static SocketEndpoint Internet(IPAddress address, int port)
    {
        bool six = address.AddressFamily == AddressFamily.InterNetworkV6;
        var endpoint = new SocketEndpoint(six ? Native.Socket.AF_INET6 : Native.Socket.AF_INET, six ? 28 : 16, new IPEndPoint(address, port).ToString());
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(endpoint._address + 2, 2), checked((ushort)port));
        address.TryWriteBytes(new Span<byte>(endpoint._address + (six ? 8 : 4), 16), out _);
        if (six)
        {
            MemoryMarshal.Write(new Span<byte>(endpoint._address + 24, 4), (uint)address.ScopeId);
        }

        return endpoint;
    }

    /// <summary>Frees the sockaddr. Not while a connect that uses it is in flight.</summary>
    public void Dispose()
    {
        NativeMemory.Free(_address);
        _address = null;
        GC.SuppressFinalize(this);
    }

    /// <summary>The text form.</summary>
    public override string ToString() => Text;
}
