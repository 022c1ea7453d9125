using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// The first message of either side: the server's greeting (NBDMAGIC, IHAVEOPT, 16 bits of flags) and the client's answer (32 bits of flags). NBD protocol,
/// "Newstyle negotiation". Any thread may call.
/// </summary>
public static class Greeting
{
    /// <summary>Bytes of the server's greeting.</summary>
    public const int Size = 18;

    /// <summary>Bytes of the client's answer.</summary>
    public const int AnswerSize = 4;

    private const ClientFlags KnownAnswers = ClientFlags.FixedNewstyle | ClientFlags.NoZeroes;

    /// <summary>Writes the server's greeting, <see cref="Size"/> bytes.</summary>
    public static void Write(Span<byte> destination, HandshakeFlags flags)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, NbdMagic.Greeting);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], NbdMagic.Option);
        BinaryPrimitives.WriteUInt16BigEndian(destination[16..], (ushort)flags);
    }

    /// <summary>
    /// Parses the server's greeting. An oldstyle server is recognised and refused by name. Unknown flags are kept: a client just does not answer them.
    /// </summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> bytes, out HandshakeFlags flags)
    {
        flags = HandshakeFlags.None;
        if (bytes.Length >= 8 && BinaryPrimitives.ReadUInt64BigEndian(bytes) is var first && first != NbdMagic.Greeting)
        {
            return ParseVerdict.Drop($"this is no NBD server: it began with \"{WireText.Printable(bytes[..8])}\" (0x{first:x16}) instead of NBDMAGIC");
        }

        if (bytes.Length >= 16 && BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) is var second && second != NbdMagic.Option)
        {
            return ParseVerdict.Drop(second == NbdMagic.Oldstyle
                ? "the server speaks only the oldstyle handshake, which has no options; start it in newstyle (nbdkit: without -o)"
                : $"the server sent 0x{second:x16} after NBDMAGIC; expected IHAVEOPT");
        }

        if (bytes.Length < Size)
        {
            return ParseVerdict.NeedMore;
        }

        flags = (HandshakeFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[16..]);
        return ParseVerdict.Ok;
    }

    /// <summary>The flags that a client answers: all that it knows of what was offered.</summary>
    public static ClientFlags AnswerTo(HandshakeFlags offered) => (ClientFlags)(ushort)offered & KnownAnswers;

    /// <summary>Writes the client's answer, <see cref="AnswerSize"/> bytes.</summary>
    public static void WriteAnswer(Span<byte> destination, ClientFlags flags) => BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)flags);

    /// <summary>Parses the client's answer. A flag that is unknown or was not offered ends the connection, as the protocol demands.</summary>
    public static ParseVerdict ParseAnswer(ReadOnlySpan<byte> bytes, HandshakeFlags offered, out ClientFlags flags)
    {
        flags = ClientFlags.None;
        if (bytes.Length < AnswerSize)
        {
            return ParseVerdict.NeedMore;
        }

        var answer = (ClientFlags)BinaryPrimitives.ReadUInt32BigEndian(bytes);
        ClientFlags wrong = answer & ~AnswerTo(offered);
        if (wrong != ClientFlags.None)
        {
            return ParseVerdict.Drop($"the client set flags 0x{(uint)wrong:x8}, which were not offered");
        }

        flags = answer;
        return ParseVerdict.Ok;
    }
}
