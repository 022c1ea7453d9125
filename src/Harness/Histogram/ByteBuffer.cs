using System.Buffers.Binary;

namespace HdrHistogram;

/// <summary>
/// Bytes with a position that moves on with each access; numbers are big-endian. Writing past the end is an <see cref="ArgumentException"/>
/// (the caller gave too small a buffer), reading past it an <see cref="InvalidDataException"/> (the data is cut short).
/// </summary>
public sealed class ByteBuffer
{
    private readonly byte[] _bytes;

    private ByteBuffer(byte[] bytes) => _bytes = bytes;

    /// <summary>Where the next access happens.</summary>
    public int Position { get; set; }

    /// <summary>A buffer of zeros.</summary>
    public static ByteBuffer Allocate(int bufferCapacity) => new(new byte[bufferCapacity]);

    /// <summary>A buffer over the given bytes themselves, not a copy of them.</summary>
    public static ByteBuffer Allocate(byte[] source) => new(source);

    public int Capacity() => _bytes.Length;

    public int Remaining() => _bytes.Length - Position;

    public byte Get() => Read(sizeof(byte))[0];

    public int GetInt() => BinaryPrimitives.ReadInt32BigEndian(Read(sizeof(int)));

    public long GetLong() => BinaryPrimitives.ReadInt64BigEndian(Read(sizeof(long)));

    public double GetDouble() => BinaryPrimitives.ReadDoubleBigEndian(Read(sizeof(double)));

    public void Put(byte value) => Write(sizeof(byte))[0] = value;

    public void PutInt(int value) => BinaryPrimitives.WriteInt32BigEndian(Write(sizeof(int)), value);

    /// <summary>Writes at an index, and leaves the position alone.</summary>
    public void PutInt(int index, int value) => BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(index, sizeof(int)), value);

    public void PutLong(long value) => BinaryPrimitives.WriteInt64BigEndian(Write(sizeof(long)), value);

    public void PutDouble(double value) => BinaryPrimitives.WriteDoubleBigEndian(Write(sizeof(double)), value);

    /// <summary>The bytes written so far: all before the position.</summary>
    internal ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Position);

    internal void PutBytes(ReadOnlySpan<byte> source) => source.CopyTo(Write(source.Length));

    /// <summary>The next bytes as a stream, without a copy; the position moves past them.</summary>
    internal MemoryStream ReadAsStream(int length)
    {
        int start = Position;
        Read(length);
        return new MemoryStream(_bytes, start, length, writable: false);
    }

    private ReadOnlySpan<byte> Read(int length)
    {
        if (length < 0 || length > Remaining())
        {
            throw new InvalidDataException($"The data ends at byte {_bytes.Length}, where {length} more bytes were to be read from byte {Position} on.");
        }

        Position += length;
        return _bytes.AsSpan(Position - length, length);
    }

    private Span<byte> Write(int length)
    {
        if (length > Remaining())
        {
            throw new ArgumentException($"The buffer of {_bytes.Length} bytes is too small; HistogramBase.GetNeededByteBufferCapacity() says what is enough.");
        }

        Position += length;
        return _bytes.AsSpan(Position - length, length);
    }
}
