using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>Kinds of chunk (16 bits on the wire). Values with the top bit set are errors, known or not. NBD protocol, "Structured reply types".</summary>
public enum ChunkType : ushort
{
    /// <summary>NONE: nothing but the end of the reply.</summary>
    None = 0,

    /// <summary>OFFSET_DATA: bytes of a READ, and where they begin.</summary>
    OffsetData = 1,

    /// <summary>OFFSET_HOLE: a part of a READ that is zeroes.</summary>
    OffsetHole = 2,

    /// <summary>BLOCK_STATUS: extents of one metadata context, with 32-bit lengths.</summary>
    BlockStatus = 5,

    /// <summary>BLOCK_STATUS_EXT: the same with 64-bit lengths; with extended headers, and then always.</summary>
    BlockStatusExt = 6,

    /// <summary>ERROR: the request failed, and a text for people.</summary>
    Error = ErrorBit | 1,

    /// <summary>ERROR_OFFSET: the same, and where.</summary>
    ErrorOffset = ErrorBit | 2,

    /// <summary>The bit that every error has, also those that are not listed here; they all begin like ERROR.</summary>
    ErrorBit = 0x8000,
}

/// <summary>Flags of a chunk (16 bits on the wire). NBD protocol, "Structured reply flags".</summary>
[Flags]
public enum ChunkFlags : ushort
{
    /// <summary>More chunks of this reply follow.</summary>
    None = 0,

    /// <summary>DONE: the last chunk of its reply.</summary>
    Done = 1 << 0,
}

/// <summary>
/// The header of a chunk: structured, <c>u32 magic, u16 flags, u16 type, u64 cookie, u32 length</c>, or extended,
/// <c>u32 magic, u16 flags, u16 type, u64 cookie, u64 offset, u64 length</c>; that many bytes of payload follow. NBD protocol, "Structured reply chunk
/// message" and "Extended reply chunk message". Any thread may call; nothing is allocated.
/// </summary>
/// <param name="Flags">Known or not.</param>
/// <param name="Type">Known or not.</param>
/// <param name="Cookie">The request that is answered; whether there is one is for the caller to check.</param>
/// <param name="Offset">The offset of the request; 0 in a structured chunk, which does not carry it.</param>
/// <param name="Length">Bytes of payload, as the peer announces them.</param>
public readonly record struct ChunkHeader(ChunkFlags Flags, ChunkType Type, ulong Cookie, ulong Offset, ulong Length)
{
    /// <summary>Bytes of the header of a structured chunk.</summary>
    public const int StructuredSize = 20;

    /// <summary>Bytes of the header of an extended chunk.</summary>
    public const int ExtendedSize = 32;

    /// <summary>True for the last chunk of a reply.</summary>
    public bool IsDone => (Flags & ChunkFlags.Done) != 0;

    /// <summary>True for every type with the top bit set, known or not.</summary>
    public bool IsError => (Type & ChunkType.ErrorBit) != 0;

    /// <summary>Bytes of the header of a chunk.</summary>
    /// <param name="form">Not <see cref="ReplyForm.Simple"/>.</param>
    public static int Size(ReplyForm form) => form == ReplyForm.Extended ? ExtendedSize : StructuredSize;

    /// <summary>Parses a header that may still be incomplete; a magic that is not the form's is known after 4 bytes.</summary>
    /// <param name="bytes">What was received and is not consumed yet.</param>
    /// <param name="form">Structured or extended.</param>
    /// <param name="header">The header, where it is there.</param>
    public static WireStatus Parse(ReadOnlySpan<byte> bytes, ReplyForm form, out ChunkHeader header)
    {
        header = default;
        uint magic = form == ReplyForm.Extended ? NbdMagic.ExtendedReply : NbdMagic.StructuredReply;
        if (bytes.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(bytes) != magic)
        {
            return WireStatus.BadMagic;
        }

        if (bytes.Length < Size(form))
        {
            return WireStatus.NeedMore;
        }

        bool extended = form == ReplyForm.Extended;
        header = new ChunkHeader(
            (ChunkFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]),
            (ChunkType)BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
            extended ? BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]) : 0,
            extended ? BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]) : BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));
        return WireStatus.Ok;
    }

    /// <summary>Writes the header; the payload follows. Returns the bytes written.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The destination is too short.</exception>
    public int Write(Span<byte> destination, ReplyForm form)
    {
        if (form == ReplyForm.Extended)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination[24..], Length);
            BinaryPrimitives.WriteUInt64BigEndian(destination[16..], Offset);
            BinaryPrimitives.WriteUInt32BigEndian(destination, NbdMagic.ExtendedReply);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination[16..], (uint)Length);
            BinaryPrimitives.WriteUInt32BigEndian(destination, NbdMagic.StructuredReply);
        }

        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], (ushort)Flags);
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], (ushort)Type);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Cookie);
        return Size(form);
    }
}
