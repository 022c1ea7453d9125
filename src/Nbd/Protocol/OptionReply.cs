using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// The header of an option reply: magic, option, type, length (20 bytes), followed by that many bytes of data. NBD protocol, "Fixed newstyle negotiation". Any
/// thread may call.
/// </summary>
/// <param name="Option">The option that is answered.</param>
/// <param name="Type">What kind of answer it is, known or not.</param>
/// <param name="Length">Bytes of data that follow, at most <see cref="Limits.MaxOptionBytes"/>.</param>
public readonly record struct OptionReply(NbdOption Option, OptionReplyType Type, int Length)
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderSize = 20;

    /// <summary>Parses a header as a client. Ends the connection on a wrong magic, an answer to another option, and too much data.</summary>
    /// <param name="bytes">What was received and is not consumed yet.</param>
    /// <param name="expected">The option that was sent last.</param>
    /// <param name="reply">The header, where it is good.</param>
    public static ParseVerdict Parse(ReadOnlySpan<byte> bytes, NbdOption expected, out OptionReply reply)
    {
        reply = default;
        if (bytes.Length >= 8 && BinaryPrimitives.ReadUInt64BigEndian(bytes) is var magic && magic != NbdMagic.OptionReply)
        {
            return ParseVerdict.Drop($"the server sent 0x{magic:x16} where an option reply begins; expected 0x{NbdMagic.OptionReply:x16}");
        }

        if (bytes.Length < HeaderSize)
        {
            return ParseVerdict.NeedMore;
        }

        var option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
        var type = (OptionReplyType)BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]);
        if (option != expected)
        {
            return ParseVerdict.Drop($"the server answered option {(uint)option}, but {(uint)expected} was sent");
        }

        if (length > Limits.MaxOptionBytes)
        {
            return ParseVerdict.Drop($"the server announced {length} bytes of data for option {(uint)option}; the most is {Limits.MaxOptionBytes}");
        }

        if (type == OptionReplyType.Ack && length != 0)
        {
            return ParseVerdict.Drop($"the server sent an ACK with {length} bytes of data; an ACK has none");
        }

        reply = new OptionReply(option, type, (int)length);
        return ParseVerdict.Ok;
    }

    /// <summary>What an error reply says, in one line for people: its kind and, where the server sent one, its text with control characters replaced.</summary>
    /// <param name="data">The reply's data.</param>
    public string ErrorText(ReadOnlySpan<byte> data) => data.IsEmpty ? Type.Text() : $"{Type.Text()}: {WireText.Printable(data)}";
}
