using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// Writes the chunks of a server's replies: header, and what of the payload has a fixed shape; data and extents follow from where they lie. Each method returns
/// the bytes written. NBD protocol, "Structured reply types". Any thread may call; nothing is allocated.
/// </summary>
/// <param name="form">Structured or extended.</param>
/// <param name="cookie">Of the request.</param>
/// <param name="requestOffset">Of the request, which an extended chunk repeats.</param>
public readonly struct Chunks(ReplyForm form, ulong cookie, ulong requestOffset)
{
    /// <summary>Bytes of an OFFSET_DATA chunk before its data: the offset.</summary>
    public const int DataHeadBytes = 8;

    /// <summary>Bytes of an OFFSET_HOLE chunk's payload: offset and size.</summary>
    public const int HoleBytes = 12;

    /// <summary>Bytes of an ERROR chunk before its text: error and the text's length.</summary>
    public const int ErrorHeadBytes = 6;

    /// <summary>Bytes of the longest header with which the data of a READ comes, of whichever form.</summary>
    public const int MaxDataHeaderBytes = ChunkHeader.ExtendedSize + DataHeadBytes;

    /// <summary>Bytes of the longest chunk written here, without data and extents.</summary>
    public const int MaxWrittenBytes = ChunkHeader.ExtendedSize + ErrorHeadBytes + Limits.MaxErrorTextBytes + 8;

    /// <summary>Bytes of one extent in a BLOCK_STATUS chunk.</summary>
    public static int ExtentBytes(ReplyForm form) => form == ReplyForm.Extended ? 16 : 8;

    /// <summary>Bytes of a BLOCK_STATUS chunk before its extents: the context and, where extended, how many there are.</summary>
    public static int StatusHeadBytes(ReplyForm form) => form == ReplyForm.Extended ? 8 : 4;

    /// <summary>Writes one extent of a BLOCK_STATUS chunk; a structured one carries 32 bits of length.</summary>
    public static int WriteExtent(Span<byte> destination, ReplyForm form, ulong length, AllocationFlags flags)
    {
        if (form == ReplyForm.Extended)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination[8..], (ulong)flags);
            BinaryPrimitives.WriteUInt64BigEndian(destination, length);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination[4..], (uint)flags);
            BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)length);
        }

        return ExtentBytes(form);
    }

    /// <summary>NONE with DONE: the request succeeded, and there is nothing to say.</summary>
    public int WriteNone(Span<byte> destination) => Header(ChunkFlags.Done, ChunkType.None, 0).Write(destination, form);

    /// <summary>OFFSET_DATA; the data follows.</summary>
    public int WriteData(Span<byte> destination, ChunkFlags flags, ulong offset, ulong length)
    {
        int at = Header(flags, ChunkType.OffsetData, DataHeadBytes + length).Write(destination, form);
        BinaryPrimitives.WriteUInt64BigEndian(destination[at..], offset);
        return at + DataHeadBytes;
    }

    /// <summary>OFFSET_HOLE.</summary>
    public int WriteHole(Span<byte> destination, ChunkFlags flags, ulong offset, uint length)
    {
        int at = Header(flags, ChunkType.OffsetHole, HoleBytes).Write(destination, form);
        BinaryPrimitives.WriteUInt64BigEndian(destination[at..], offset);
        BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 8)..], length);
        return at + HoleBytes;
    }

    /// <summary>BLOCK_STATUS, or BLOCK_STATUS_EXT with extended headers, and DONE; the extents follow.</summary>
    public int WriteStatus(Span<byte> destination, uint contextId, int extents)
    {
        bool extended = form == ReplyForm.Extended;
        int head = StatusHeadBytes(form);
        ulong length = (ulong)(head + ((long)extents * ExtentBytes(form)));
        int at = Header(ChunkFlags.Done, extended ? ChunkType.BlockStatusExt : ChunkType.BlockStatus, length).Write(destination, form);
        BinaryPrimitives.WriteUInt32BigEndian(destination[at..], contextId);
        if (extended)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 4)..], (uint)extents);
        }

        return at + head;
    }

    /// <summary>
    /// ERROR, or ERROR_OFFSET where the place is known, and DONE. The text is cut at <see cref="Limits.MaxErrorTextBytes"/>, between characters.
    /// </summary>
    /// <param name="destination">Room for <see cref="MaxWrittenBytes"/>.</param>
    /// <param name="error">Not <see cref="NbdError.None"/>.</param>
    /// <param name="text">For people.</param>
    /// <param name="at">The first byte of the export at which it went wrong, within the request; null where that is not known.</param>
    public int WriteError(Span<byte> destination, NbdError error, string text, ulong? at)
    {
        int head = ChunkHeader.Size(form);
        Span<byte> payload = destination[head..];
        int textBytes = WireText.WriteCut(payload.Slice(ErrorHeadBytes, Limits.MaxErrorTextBytes), text);
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(payload[4..], (ushort)textBytes);
        int length = ErrorHeadBytes + textBytes;
        if (at is { } offset)
        {
            BinaryPrimitives.WriteUInt64BigEndian(payload[length..], offset);
            length += 8;
        }

        Header(ChunkFlags.Done, at is null ? ChunkType.Error : ChunkType.ErrorOffset, (ulong)length).Write(destination, form);
        return head + length;
    }

    private ChunkHeader Header(ChunkFlags flags, ChunkType type, ulong length) => new(flags, type, cookie, requestOffset, length);
}
