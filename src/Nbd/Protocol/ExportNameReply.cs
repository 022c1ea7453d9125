using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// The answer to EXPORT_NAME, which has no option-reply framing: <c>u64 size, u16 flags</c>, and 124 zero bytes unless NO_ZEROES was agreed. Transmission
/// begins right after it. NBD protocol, "EXPORT_NAME". Any thread may call.
/// </summary>
public static class ExportNameReply
{
    private const int FixedBytes = 10;
    private const int ZeroBytes = 124;

    /// <summary>Bytes of the longest form.</summary>
    public const int MaxSize = FixedBytes + ZeroBytes;

    /// <summary>Bytes of the answer.</summary>
    /// <param name="noZeroes">Whether the client answered NO_ZEROES.</param>
    public static int Size(bool noZeroes) => noZeroes ? FixedBytes : MaxSize;

    /// <summary>Writes the answer; returns the bytes written.</summary>
    public static int Write(Span<byte> destination, ulong exportBytes, TransmissionFlags flags, bool noZeroes)
    {
        int size = Size(noZeroes);
        BinaryPrimitives.WriteUInt64BigEndian(destination, exportBytes);
        BinaryPrimitives.WriteUInt16BigEndian(destination[8..], (ushort)flags);
        destination[FixedBytes..size].Clear();
        return size;
    }

    /// <summary>Parses the answer as a client. What stands in place of the zeroes is not looked at: the protocol reserves it.</summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> bytes, bool noZeroes, out ExportInfo? export)
    {
        export = null;
        if (bytes.Length < Size(noZeroes))
        {
            return ParseVerdict.NeedMore;
        }

        ulong size = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        var flags = (TransmissionFlags)BinaryPrimitives.ReadUInt16BigEndian(bytes[8..]);
        ParseVerdict verdict = ExportInfo.CheckSizeAndFlags(size, flags);
        if (verdict.IsOk)
        {
            export = new ExportInfo { Size = size, Flags = flags };
        }

        return verdict;
    }
}
