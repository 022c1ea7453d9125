using System.Runtime.InteropServices;
using System.Text;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// The attributes of a netlink message, netlink(7): each is 16 bits of length, 16 bits of type and its value, padded to four bytes, all in the machine's byte
/// order. One thread at a time.
/// </summary>
public sealed class NetlinkAttributes
{
    private const int Alignment = 4;

    private readonly List<byte> _bytes = [];

    /// <summary>Bytes so far, padding included.</summary>
    public int Length => _bytes.Count;

    /// <summary>Adds 32 bits.</summary>
    public NetlinkAttributes Add(ushort type, uint value) => Add(type, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(ref value)));

    /// <summary>Adds 64 bits.</summary>
    public NetlinkAttributes Add(ushort type, ulong value) => Add(type, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(ref value)));

    /// <summary>Adds a text in UTF-8, with the zero that ends it.</summary>
    public NetlinkAttributes Add(ushort type, string value) => Add(type, [.. Encoding.UTF8.GetBytes(value), 0]);

    /// <summary>Adds attributes as the value of one.</summary>
    public NetlinkAttributes Add(ushort type, NetlinkAttributes nested) => Add(type, nested._bytes.ToArray());

    /// <summary>Adds a value as it is.</summary>
    /// <exception cref="ArgumentException">It has more bytes than 16 bits can count.</exception>
    public NetlinkAttributes Add(ushort type, ReadOnlySpan<byte> value)
    {
        if (value.Length > ushort.MaxValue - Netlink.NLA_HDRLEN)
        {
            throw new ArgumentException($"an attribute of {value.Length} bytes; the most is {ushort.MaxValue - Netlink.NLA_HDRLEN}", nameof(value));
        }

        Span<ushort> header = [(ushort)(Netlink.NLA_HDRLEN + value.Length), type];
        _bytes.AddRange(MemoryMarshal.AsBytes(header));
        _bytes.AddRange(value);
        while (_bytes.Count % Alignment != 0)
        {
            _bytes.Add(0);
        }

        return this;
    }

    /// <summary>The value of the first attribute of a type; empty where there is none. What is cut short ends the search.</summary>
    /// <param name="attributes">Attributes as they came.</param>
    /// <param name="type">Which; flags of the type do not count.</param>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> attributes, ushort type)
    {
        while (attributes.Length >= Netlink.NLA_HDRLEN)
        {
            ReadOnlySpan<ushort> header = MemoryMarshal.Cast<byte, ushort>(attributes[..Netlink.NLA_HDRLEN]);
            int length = header[0];
            if (length < Netlink.NLA_HDRLEN || length > attributes.Length)
            {
                break;
            }

            if ((header[1] & Netlink.NLA_TYPE_MASK) == type)
            {
                return attributes[Netlink.NLA_HDRLEN..length];
            }

            attributes = attributes[Math.Min(attributes.Length, (length + Alignment - 1) & -Alignment)..];
        }

        return [];
    }

    internal void CopyTo(Span<byte> destination) => CollectionsMarshal.AsSpan(_bytes).CopyTo(destination);
}
