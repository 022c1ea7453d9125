using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// The header of an option: IHAVEOPT, option, length (16 bytes), followed by that many bytes of data. NBD protocol, "Newstyle negotiation". Any thread may
/// call.
/// </summary>
/// <param name="Option">The option, known or not.</param>
/// <param name="Length">Bytes of data that follow, at most <see cref="Limits.MaxOptionBytes"/>.</param>
public readonly record struct OptionRequest(NbdOption Option, int Length)
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderSize = 16;

    /// <summary>Parses a header. Ends the connection on a wrong magic, on too much data and on too many options.</summary>
    /// <param name="bytes">What was received and is not consumed yet.</param>
    /// <param name="optionsBefore">Options that this connection has sent before this one.</param>
    /// <param name="request">The header, where it is good.</param>
    public static ParseVerdict Parse(ReadOnlySpan<byte> bytes, int optionsBefore, out OptionRequest request)
    {
        request = default;
        if (bytes.Length >= 8 && BinaryPrimitives.ReadUInt64BigEndian(bytes) is var magic && magic != NbdMagic.Option)
        {
            return ParseVerdict.Drop($"the client sent 0x{magic:x16} where an option begins; expected IHAVEOPT");
        }

        if (bytes.Length < HeaderSize)
        {
            return ParseVerdict.NeedMore;
        }

        var option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]);
        if (optionsBefore >= Limits.MaxOptionsPerHandshake)
        {
            return ParseVerdict.Drop($"the client sent more than {Limits.MaxOptionsPerHandshake} options");
        }

        if (length > Limits.MaxOptionBytes)
        {
            return ParseVerdict.Drop($"the client announced {length} bytes of data for option {(uint)option}; the most is {Limits.MaxOptionBytes}");
        }

        request = new OptionRequest(option, (int)length);
        return ParseVerdict.Ok;
    }

    /// <summary>
    /// Judges the option by its header alone, before its data is kept: what may carry data, and what a client without FIXED_NEWSTYLE may send. Whether the
    /// option is supported is for the server to say.
    /// </summary>
    /// <param name="fixedNewstyle">Whether the client answered FIXED_NEWSTYLE; without it EXPORT_NAME is the only option, and no error can be answered.</param>
    public ParseVerdict CheckForm(bool fixedNewstyle)
    {
        if (!fixedNewstyle && Option != NbdOption.ExportName)
        {
            return ParseVerdict.Drop($"the client sent option {(uint)Option} without FIXED_NEWSTYLE; only EXPORT_NAME (1) is legal then");
        }

        return Option switch
        {
            // EXPORT_NAME has no error reply, so a bad one can only end the connection.
            NbdOption.ExportName when Length > Limits.MaxStringBytes => ParseVerdict.Drop(WireText.TooLong("the export name", (ulong)Length)),
            NbdOption.List or NbdOption.StartTls or NbdOption.StructuredReply or NbdOption.ExtendedHeaders when Length != 0
                => ParseVerdict.Refuse(OptionReplyType.ErrInvalid, $"option {(uint)Option} takes no data, but {Length} bytes came"),
            _ => ParseVerdict.Ok,
        };
    }

    /// <summary>Writes a header, <see cref="HeaderSize"/> bytes; the data follows. For an option without data this is all. Returns the bytes written.</summary>
    public static int WriteHeader(Span<byte> destination, NbdOption option, int length)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, NbdMagic.Option);
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(destination[12..], (uint)length);
        return HeaderSize;
    }

    /// <summary>Writes a whole EXPORT_NAME option; returns the bytes written, at most <see cref="HeaderSize"/> + <see cref="Limits.MaxStringBytes"/>.</summary>
    /// <exception cref="ArgumentException">The name is not one (<see cref="ExportName.TryCheck"/>), or the destination is too short.</exception>
    public static int WriteExportName(Span<byte> destination, string name)
    {
        int nameBytes = WireText.WriteName(destination[HeaderSize..], name);
        return WriteHeader(destination, NbdOption.ExportName, nameBytes) + nameBytes;
    }
}
