using System.Buffers;
using System.IO.Compression;

namespace HdrHistogram;

/// <summary>
/// Histograms to bytes and back, in the V2 encoding that the HdrHistogram tools of all languages share. A header of 40 bytes is followed by the
/// counts from slot 0 to the last used one, as <see cref="ZigZag"/> numbers; a negative number stands for so many zeros in a row.
/// The compressed form is that, deflated with a zlib wrapper, behind a cookie and a length.
/// </summary>
public static class HistogramEncoding
{
    /// <summary>How many bytes are enough for any contents of this histogram, encoded either way.</summary>
    public static int GetNeededByteBufferCapacity(this HistogramBase histogram)
    {
        int plain = V2Header.Size + (ZigZag.MaxBytes * histogram.Counts.Length);

        // Deflate adds 5 bytes to each block of what it cannot compress; a block is 16 KiB or more.
        return plain + (5 * ((plain / 16_384) + 1)) + 64;
    }

    /// <summary>Writes the plain form at the buffer's position, and returns how many bytes that took.</summary>
    public static int Encode(this HistogramBase histogram, ByteBuffer targetBuffer)
    {
        int start = targetBuffer.Position;
        V2Header.For(histogram).Write(targetBuffer);
        int payloadStart = targetBuffer.Position;
        WriteCounts(histogram.Counts[..(Math.Max(histogram.LastUsedIndex, 0) + 1)], targetBuffer);
        targetBuffer.PutInt(start + V2Header.PayloadLengthOffset, targetBuffer.Position - payloadStart);
        return targetBuffer.Position - start;
    }

    /// <summary>Writes the compressed form at the buffer's position, and returns how many bytes that took.</summary>
    public static int EncodeIntoCompressedByteBuffer(this HistogramBase source, ByteBuffer targetBuffer)
    {
        byte[] scratch = ArrayPool<byte>.Shared.Rent(V2Header.Size + (ZigZag.MaxBytes * (source.LastUsedIndex + 2)));
        try
        {
            var plain = ByteBuffer.Allocate(scratch);
            source.Encode(plain);
            using var compressed = new MemoryStream();
            using (var zlib = new ZLibStream(compressed, CompressionLevel.SmallestSize, leaveOpen: true))
            {
                zlib.Write(plain.Written);
            }

            int start = targetBuffer.Position;
            targetBuffer.PutInt(V2Header.CompressedCookie);
            targetBuffer.PutInt((int)compressed.Length);
            targetBuffer.PutBytes(compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
            return targetBuffer.Position - start;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>
    /// Reads the plain form from the buffer's position on. Data that is no such histogram is an <see cref="InvalidDataException"/>, found before
    /// memory is taken for the counts; no valid header asks for more than 50 MB of it.
    /// </summary>
    /// <param name="buffer">Where the data is.</param>
    /// <param name="minBarForHighestTrackableValue">The result tracks values up to this at least, whatever the data says.</param>
    public static HistogramBase DecodeFromByteBuffer(ByteBuffer buffer, long minBarForHighestTrackableValue)
    {
        V2Header header = V2Header.Read(buffer, minBarForHighestTrackableValue);
        if (header.PayloadLength > buffer.Remaining())
        {
            throw new InvalidDataException($"The histogram's header announces {header.PayloadLength} bytes of counts; {buffer.Remaining()} follow.");
        }

        return ReadHistogram(header, buffer);
    }

    /// <summary>
    /// Reads the compressed form; what <see cref="DecodeFromByteBuffer"/> says holds here too, and no more is inflated than the header allows.
    /// </summary>
    /// <inheritdoc cref="DecodeFromByteBuffer"/>
    public static HistogramBase DecodeFromCompressedByteBuffer(ByteBuffer buffer, long minBarForHighestTrackableValue)
    {
        V2Header.CheckCookie(buffer.GetInt(), V2Header.CompressedCookie, "compressed");
        using var zlib = new ZLibStream(buffer.ReadAsStream(buffer.GetInt()), CompressionMode.Decompress);
        V2Header header = V2Header.Read(ByteBuffer.Allocate(Inflate(zlib, V2Header.Size)), minBarForHighestTrackableValue);
        return ReadHistogram(header, ByteBuffer.Allocate(Inflate(zlib, header.PayloadLength)));
    }

    private static void WriteCounts(ReadOnlySpan<long> counts, ByteBuffer target)
    {
        while (!counts.IsEmpty)
        {
            int used = counts.IndexOfAnyExcept(0L);
            int zeros = used < 0 ? counts.Length : used;

            // A single zero is written as the count that it is, as in Java: -1 would say the same.
            ZigZag.Put(target, zeros > 1 ? -zeros : counts[0]);
            counts = counts[Math.Max(zeros, 1)..];
        }
    }

    private static LongHistogram ReadHistogram(V2Header header, ByteBuffer payload)
    {
        int start = payload.Position;
        header.CheckCounts(payload);
        var histogram = new LongHistogram(header.Lowest, header.Highest, header.Digits);
        payload.Position = start;
        foreach ((int index, long count) in header.Counts(payload))
        {
            histogram.AddToCountAtIndex(index, count);
        }

        return histogram;
    }

    /// <summary>Inflates so many bytes, taking memory as they really come and not as they are announced.</summary>
    private static byte[] Inflate(ZLibStream zlib, int length)
    {
        using var inflated = new MemoryStream();
        Span<byte> chunk = stackalloc byte[4096];
        while (inflated.Length < length)
        {
            int read;
            try
            {
                read = zlib.Read(chunk[..(int)Math.Min(chunk.Length, length - inflated.Length)]);
            }
            catch (InvalidDataException failure)
            {
                throw new InvalidDataException("The compressed histogram is not valid zlib data.", failure);
            }

            if (read == 0)
            {
                throw new InvalidDataException($"The compressed histogram ends after {inflated.Length} of {length} bytes.");
            }

            inflated.Write(chunk[..read]);
        }

        return inflated.ToArray();
    }
}
