using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// The data of INFO and GO: <c>u32 name length, name, u16 count, count × u16 info type</c>. NBD protocol, "Option types". Any thread may call.
/// </summary>
/// <param name="Name">The export's name.</param>
/// <param name="Wanted">The facts asked for, those that nobody knows left out.</param>
public readonly record struct InfoRequest(string Name, InfoTypes Wanted)
{
    /// <summary>Bytes that <see cref="Write"/> needs at most: header, the longest name and four info types.</summary>
    public const int MaxWrittenBytes = OptionRequest.HeaderSize + 4 + Limits.MaxStringBytes + 2 + (4 * 2);

    private const int FixedBytes = 6;

    /// <summary>Parses the whole data of the option. What is wrong is answered ERR_INVALID, and the connection goes on: the data has been consumed.</summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> data, out InfoRequest request)
    {
        request = new InfoRequest(string.Empty, InfoTypes.None);
        if (data.Length < FixedBytes)
        {
            return Invalid($"INFO and GO need at least {FixedBytes} bytes of data, but {data.Length} came");
        }

        // The comparison comes before any arithmetic: 0xffffffff + 1 was CVE-2022-26495.
        uint nameBytes = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (nameBytes > (uint)(data.Length - FixedBytes))
        {
            return Invalid($"the export name is said to be {nameBytes} bytes long, but the option has only {data.Length} bytes");
        }

        if (nameBytes > Limits.MaxStringBytes)
        {
            return Invalid(WireText.TooLong("the export name", nameBytes));
        }

        if (!ExportName.TryDecode(data.Slice(4, (int)nameBytes), out string name, out string error))
        {
            return Invalid(error);
        }

        ReadOnlySpan<byte> rest = data[(4 + (int)nameBytes)..];
        int count = BinaryPrimitives.ReadUInt16BigEndian(rest);
        if (rest.Length - 2 != count * 2)
        {
            return Invalid($"{count} info types are {count * 2} bytes, but {rest.Length - 2} came");
        }

        request = new InfoRequest(name, ReadTypes(rest[2..]));
        return ParseVerdict.Ok;
    }

    /// <summary>Writes a whole INFO or GO option, header and data; returns the bytes written, at most <see cref="MaxWrittenBytes"/>.</summary>
    /// <exception cref="ArgumentException">The name is not one (<see cref="ExportName.TryCheck"/>), or the destination is too short.</exception>
    public int Write(Span<byte> destination, NbdOption option)
    {
        Span<byte> data = destination[OptionRequest.HeaderSize..];
        int nameBytes = WireText.WriteName(data[4..], Name);
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)nameBytes);
        int at = 4 + nameBytes + 2;
        ushort count = 0;
        for (InfoType type = InfoType.Export; type <= InfoType.BlockSize; type++)
        {
            if (((int)Wanted & (1 << (int)type)) != 0)
            {
                BinaryPrimitives.WriteUInt16BigEndian(data[at..], (ushort)type);
                at += 2;
                count++;
            }
        }

        BinaryPrimitives.WriteUInt16BigEndian(data[(4 + nameBytes)..], count);
        return OptionRequest.WriteHeader(destination, option, at) + at;
    }

    private static InfoTypes ReadTypes(ReadOnlySpan<byte> types)
    {
        var wanted = InfoTypes.None;
        for (; types.Length >= 2; types = types[2..])
        {
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(types);
            if (type <= (ushort)InfoType.BlockSize)
            {
                wanted |= (InfoTypes)(1 << type);
            }
        }

        return wanted;
    }

    private static ParseVerdict Invalid(string reason) => ParseVerdict.Refuse(OptionReplyType.ErrInvalid, reason);
}
