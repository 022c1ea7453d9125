using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// Writes a server's option replies, header and data. Each method returns the bytes written; a destination of <see cref="MaxWrittenBytes"/> is enough for any.
/// NBD protocol, "Option reply types" and "Info types". Any thread may call.
/// </summary>
public static class OptionReplies
{
    /// <summary>Bytes of the longest reply written here: header, name length, and the two strings of a SERVER reply.</summary>
    public const int MaxWrittenBytes = OptionReply.HeaderSize + 4 + (2 * Limits.MaxStringBytes);

    /// <summary>ACK.</summary>
    public static int WriteAck(Span<byte> destination, NbdOption option) => WriteHeader(destination, option, OptionReplyType.Ack, 0);

    /// <summary>SERVER: one export of a LIST.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="name">The export's name.</param>
    /// <param name="description">A text for people, or empty; cut at 4096 bytes.</param>
    /// <exception cref="ArgumentException">The name is not one (<see cref="ExportName.TryCheck"/>), or the destination is too short.</exception>
    public static int WriteServer(Span<byte> destination, string name, string description)
    {
        Span<byte> data = destination[OptionReply.HeaderSize..];
        int nameBytes = WireText.WriteName(data[4..], name);
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)nameBytes);
        int length = 4 + nameBytes + WireText.WriteCut(data[(4 + nameBytes)..], description);
        return WriteHeader(destination, NbdOption.List, OptionReplyType.Server, length) + length;
    }

    /// <summary>INFO with EXPORT: size and flags.</summary>
    public static int WriteExportInfo(Span<byte> destination, NbdOption option, ulong exportBytes, TransmissionFlags flags)
    {
        Span<byte> data = destination[OptionReply.HeaderSize..];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.Export);
        BinaryPrimitives.WriteUInt64BigEndian(data[2..], exportBytes);
        BinaryPrimitives.WriteUInt16BigEndian(data[10..], (ushort)flags);
        return WriteHeader(destination, option, OptionReplyType.Info, InfoReply.ExportBytes) + InfoReply.ExportBytes;
    }

    /// <summary>INFO with NAME: the canonical name.</summary>
    /// <exception cref="ArgumentException">The name is not one (<see cref="ExportName.TryCheck"/>), or the destination is too short.</exception>
    public static int WriteNameInfo(Span<byte> destination, NbdOption option, string name)
    {
        Span<byte> data = destination[OptionReply.HeaderSize..];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.Name);
        int length = 2 + WireText.WriteName(data[2..], name);
        return WriteHeader(destination, option, OptionReplyType.Info, length) + length;
    }

    /// <summary>INFO with DESCRIPTION: a text for people, cut at 4096 bytes.</summary>
    public static int WriteDescriptionInfo(Span<byte> destination, NbdOption option, string description)
    {
        Span<byte> data = destination[OptionReply.HeaderSize..];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.Description);
        int length = 2 + WireText.WriteCut(data[2..], description);
        return WriteHeader(destination, option, OptionReplyType.Info, length) + length;
    }

    /// <summary>INFO with BLOCK_SIZE.</summary>
    public static int WriteBlockSizeInfo(Span<byte> destination, NbdOption option, BlockSizeConstraints blockSize)
    {
        Span<byte> data = destination[OptionReply.HeaderSize..];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)InfoType.BlockSize);
        BinaryPrimitives.WriteUInt32BigEndian(data[2..], blockSize.Minimum);
        BinaryPrimitives.WriteUInt32BigEndian(data[6..], blockSize.Preferred);
        BinaryPrimitives.WriteUInt32BigEndian(data[10..], blockSize.MaximumPayload);
        return WriteHeader(destination, option, OptionReplyType.Info, InfoReply.BlockSizeBytes) + InfoReply.BlockSizeBytes;
    }

    /// <summary>META_CONTEXT: one metadata context.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="option">LIST_META_CONTEXT or SET_META_CONTEXT.</param>
    /// <param name="context">Its id is 0 in a list.</param>
    public static int WriteMetaContext(Span<byte> destination, NbdOption option, MetaContext context)
    {
        Span<byte> data = destination[OptionReply.HeaderSize..];
        BinaryPrimitives.WriteUInt32BigEndian(data, context.Id);
        int length = 4 + WireText.WriteCut(data[4..], context.Name);
        return WriteHeader(destination, option, OptionReplyType.MetaContext, length) + length;
    }

    /// <summary>An error with a text for people. The text is cut at 4096 bytes, between characters: a text about a long name was CVE-2020-10761.</summary>
    public static int WriteError(Span<byte> destination, NbdOption option, OptionReplyType error, string text)
    {
        int length = WireText.WriteCut(destination[OptionReply.HeaderSize..], text);
        return WriteHeader(destination, option, error, length) + length;
    }

    private static int WriteHeader(Span<byte> destination, NbdOption option, OptionReplyType type, int length)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, NbdMagic.OptionReply);
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(destination[12..], (uint)type);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], (uint)length);
        return OptionReply.HeaderSize;
    }
}
