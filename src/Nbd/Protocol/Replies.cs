using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// Simple replies on the wire: <c>u32 magic, u32 error, u64 cookie</c>, then the data of a READ where the error is 0, and only there. NBD protocol, "Simple
/// reply message". Any thread may call; nothing is allocated.
/// </summary>
public static class Replies
{
    /// <summary>Bytes of a simple reply without its data.</summary>
    public const int SimpleSize = 16;

    /// <summary>Writes a simple reply, <see cref="SimpleSize"/> bytes; the data of a READ that went well follows.</summary>
    public static void WriteSimple(Span<byte> destination, NbdError error, ulong cookie)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], cookie);
        BinaryPrimitives.WriteUInt32BigEndian(destination, NbdMagic.SimpleReply);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], (uint)error);
    }

    /// <summary>Parses a simple reply that may still be incomplete.</summary>
    /// <param name="bytes">What was received and is not consumed yet.</param>
    /// <param name="error">The error as it was sent; <see cref="NbdErrors.FromWire"/> says what to make of it.</param>
    /// <param name="cookie">The request that is answered; whether there is one is for the caller to check.</param>
    public static WireStatus ParseSimple(ReadOnlySpan<byte> bytes, out uint error, out ulong cookie)
    {
        error = 0;
        cookie = 0;
        if (bytes.Length >= SimpleSize)
        {
            return TryReadSimple(bytes, out _, out error, out cookie) ? WireStatus.Ok : WireStatus.BadMagic;
        }

        return bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) != NbdMagic.SimpleReply ? WireStatus.BadMagic : WireStatus.NeedMore;
    }

    /// <summary>
    /// Reads a simple reply of which all <see cref="SimpleSize"/> bytes are there. False where the magic is another one, which is returned for the message.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer bytes.</exception>
    public static bool TryReadSimple(ReadOnlySpan<byte> bytes, out uint magic, out uint error, out ulong cookie)
    {
        cookie = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        magic = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        error = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        return magic == NbdMagic.SimpleReply;
    }
}
