using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// One fact about an export: the data of an INFO reply, <c>u16 type</c> and what belongs to it. NBD protocol, "Info types". Any thread may call.
/// </summary>
/// <param name="Type">Which fact; one that is not listed in <see cref="InfoType"/> is legal and to be ignored.</param>
/// <param name="ExportSize">For EXPORT: bytes, at most 2^63 - 1.</param>
/// <param name="Flags">For EXPORT.</param>
/// <param name="Text">For NAME and DESCRIPTION; otherwise empty.</param>
/// <param name="BlockSize">For BLOCK_SIZE; otherwise the defaults.</param>
public readonly record struct InfoReply(InfoType Type, ulong ExportSize, TransmissionFlags Flags, string Text, BlockSizeConstraints BlockSize)
{
    internal const int ExportBytes = 12;
    internal const int BlockSizeBytes = 14;

    /// <summary>Parses the whole data of an INFO reply. Anything wrong ends the connection.</summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> data, out InfoReply info)
    {
        info = Empty(0);
        if (data.Length < 2)
        {
            return ParseVerdict.Drop($"an INFO reply needs at least 2 bytes of data, but {data.Length} came");
        }

        info = Empty((InfoType)BinaryPrimitives.ReadUInt16BigEndian(data));
        return info.Type switch
        {
            InfoType.Export => ParseExport(data, ref info),
            InfoType.Name => ParseName(data[2..], ref info),
            InfoType.Description => ParseDescription(data[2..], ref info),
            InfoType.BlockSize => ParseBlockSize(data, ref info),
            _ => ParseVerdict.Ok,
        };
    }

    private static InfoReply Empty(InfoType type) => new(type, 0, TransmissionFlags.None, string.Empty, BlockSizeConstraints.Default);

    private static ParseVerdict ParseExport(ReadOnlySpan<byte> data, ref InfoReply info)
    {
        if (data.Length != ExportBytes)
        {
            return WrongLength("EXPORT", ExportBytes, data.Length);
        }

        ulong size = BinaryPrimitives.ReadUInt64BigEndian(data[2..]);
        var flags = (TransmissionFlags)BinaryPrimitives.ReadUInt16BigEndian(data[10..]);
        info = info with { ExportSize = size, Flags = flags };
        return ExportInfo.CheckSizeAndFlags(size, flags);
    }

    private static ParseVerdict ParseName(ReadOnlySpan<byte> name, ref InfoReply info)
    {
        if (!ExportName.TryDecode(name, out string text, out string error))
        {
            return ParseVerdict.Drop($"in an INFO reply, {error}");
        }

        info = info with { Text = text };
        return ParseVerdict.Ok;
    }

    private static ParseVerdict ParseDescription(ReadOnlySpan<byte> description, ref InfoReply info)
    {
        if (description.Length > Limits.MaxStringBytes)
        {
            return ParseVerdict.Drop(WireText.TooLong("the export's description", (ulong)description.Length));
        }

        info = info with { Text = WireText.Printable(description) };
        return ParseVerdict.Ok;
    }

    private static ParseVerdict ParseBlockSize(ReadOnlySpan<byte> data, ref InfoReply info)
    {
        if (data.Length != BlockSizeBytes)
        {
            return WrongLength("BLOCK_SIZE", BlockSizeBytes, data.Length);
        }

        var blockSize = new BlockSizeConstraints(
            BinaryPrimitives.ReadUInt32BigEndian(data[2..]), BinaryPrimitives.ReadUInt32BigEndian(data[6..]), BinaryPrimitives.ReadUInt32BigEndian(data[10..]));

        // The export's size may come later and can excuse a small largest payload, so only what no size excuses is judged here.
        if (!blockSize.TryCheck(exportSize: 0, out string error))
        {
            return ParseVerdict.Drop($"the server's block sizes are not legal: {error}");
        }

        info = info with { BlockSize = blockSize };
        return ParseVerdict.Ok;
    }

    private static ParseVerdict WrongLength(string name, int expected, int length)
        => ParseVerdict.Drop($"an INFO reply with {name} is {expected} bytes, but {length} came");
}
