using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>How the parse of one message of the transmission phase ended.</summary>
public enum WireStatus : byte
{
    /// <summary>The bytes are the beginning of a message; come again with more.</summary>
    NeedMore,

    /// <summary>The message is there.</summary>
    Ok,

    /// <summary>The magic is wrong: where the next message begins is unknown, so the connection cannot go on.</summary>
    BadMagic,
}

/// <summary>
/// Requests on the wire: compact, <c>u32 magic, u16 flags, u16 command, u64 cookie, u64 offset, u32 length</c>, and extended, the same with a 64-bit length.
/// NBD protocol, "Request message" and "Extended headers". Any thread may call; nothing is allocated.
/// </summary>
public static class Requests
{
    /// <summary>Bytes of a compact request without its data.</summary>
    public const int CompactSize = 28;

    /// <summary>Bytes of an extended request without its data.</summary>
    public const int ExtendedSize = 32;

    /// <summary>Parses a compact request. Nothing but the magic is judged here; the rest is for <see cref="RequestRules"/>.</summary>
    public static WireStatus ParseCompact(ReadOnlySpan<byte> bytes, out NbdRequest request)
    {
        WireStatus status = CheckMagic(bytes, NbdMagic.Request, CompactSize);
        request = status == WireStatus.Ok ? ReadFields(bytes, BinaryPrimitives.ReadUInt32BigEndian(bytes[24..])) : default;
        return status;
    }

    /// <summary>Parses an extended request. Nothing but the magic is judged here.</summary>
    public static WireStatus ParseExtended(ReadOnlySpan<byte> bytes, out NbdRequest request)
    {
        WireStatus status = CheckMagic(bytes, NbdMagic.ExtendedRequest, ExtendedSize);
        request = status == WireStatus.Ok ? ReadFields(bytes, BinaryPrimitives.ReadUInt64BigEndian(bytes[24..])) with { IsExtended = true } : default;
        return status;
    }

    /// <summary>Writes a compact request, <see cref="CompactSize"/> bytes; the data of a WRITE follows.</summary>
    public static void WriteCompact(Span<byte> destination, NbdCommandFlags flags, NbdCommand command, ulong cookie, ulong offset, uint length)
    {
        // The last byte first: one bounds check stands for all, and a short destination is left untouched.
        BinaryPrimitives.WriteUInt32BigEndian(destination[24..], length);
        WriteFields(destination, NbdMagic.Request, flags, command, cookie, offset);
    }

    /// <summary>Writes an extended request, <see cref="ExtendedSize"/> bytes; where PAYLOAD_LEN is set, the data follows.</summary>
    public static void WriteExtended(Span<byte> destination, NbdCommandFlags flags, NbdCommand command, ulong cookie, ulong offset, ulong length)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], length);
        WriteFields(destination, NbdMagic.ExtendedRequest, flags, command, cookie, offset);
    }

    private static WireStatus CheckMagic(ReadOnlySpan<byte> bytes, uint magic, int size)
    {
        if (bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) != magic)
        {
            return WireStatus.BadMagic;
        }

        return bytes.Length < size ? WireStatus.NeedMore : WireStatus.Ok;
    }

    private static NbdRequest ReadFields(ReadOnlySpan<byte> bytes, ulong length) => new(
        (NbdCommandFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]),
        (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        length);

    private static void WriteFields(Span<byte> destination, uint magic, NbdCommandFlags flags, NbdCommand command, ulong cookie, ulong offset)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, magic);
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], (ushort)flags);
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], (ushort)command);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], cookie);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], offset);
    }
}
