using System.IO.Compression;
using HdrHistogram;

namespace Harness.Tests.Unit;

/// <summary>Data that is no histogram: one clear exception, and no memory taken on its word.</summary>
public sealed class HistogramHostileInputTests
{
    private const int SmallAllocationBytes = 1024 * 1024;

    [Theory]
    [InlineData("", "ends at byte 0")]
    [InlineData("1C8493", "ends at byte 3")]
    [InlineData("00000000", "not a histogram (it starts with 0x00000000)")]
    [InlineData("1C849314", "compressed, not plain")]
    [InlineData("1C849301", "V1 encoding")]
    [InlineData("1C849308", "V0 encoding")]
    [InlineData("0C72124E", "floating-point values")]
    public void Data_of_another_kind_is_named(string hex, string reason) =>
        AssertRefused(reason, () => HistogramEncoding.DecodeFromByteBuffer(ByteBuffer.Allocate(Convert.FromHexString(hex)), 0));

    [Theory]
    [InlineData(9, 1, 1000, 1, "02", "significant digits is 9")]
    [InlineData(-3, 1, 1000, 1, "02", "significant digits is -3")]
    [InlineData(3, 0, 1000, 1, "02", "range is 0 to 1000")]
    [InlineData(3, 1, -1, 1, "02", "range is 1 to")]
    [InlineData(3, long.MaxValue / 2, long.MaxValue, 1, "02", "do not fit in 63 bits")]
    [InlineData(3, 1, 1000, -1, "02", "announces -1 bytes")]
    [InlineData(3, 1, 1000, int.MaxValue, "02", "announces 2147483647 bytes for 2048 counts")]
    [InlineData(5, 1, long.MaxValue, 50_000_000, "02", "announces 50000000 bytes of counts; 1 follow")]
    [InlineData(5, 1, long.MaxValue, 3, "FFFFFF", "ends at byte")]
    [InlineData(5, 1, long.MaxValue, 1, "FFFF02", "do not end where its header says")]
    [InlineData(3, 1, 1000, 3, "FF2002", "do not end where its header says")]
    [InlineData(3, 1, 1000, 9, "FFFFFFFFFFFFFFFFFF", "do not end where its header says")]
    [InlineData(5, 1, long.MaxValue, 18, "FEFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFF", "more than 63 bits")]
    public void A_lying_header_is_refused_before_memory_is_taken(int digits, long lowest, long highest, int payloadLength, string payload, string reason)
    {
        byte[] data = Plain(digits, lowest, highest, payloadLength, payload);
        AssertRefused(reason, () => HistogramEncoding.DecodeFromByteBuffer(ByteBuffer.Allocate(data), 0));
    }

    [Fact]
    public void Too_many_counts_are_refused()
    {
        byte[] data = Plain(3, 1, 1000, 2049, string.Concat(Enumerable.Repeat("02", 2049)));
        AssertRefused("2048 counts in 2049 bytes", () => HistogramEncoding.DecodeFromByteBuffer(ByteBuffer.Allocate(data), 0));
    }

    [Fact]
    public void What_compressed_data_announces_is_not_believed()
    {
        byte[] cut = Compressed(Plain(5, 1, long.MaxValue, 50_000_000, "02"));
        AssertRefused("ends after 1 of 50000000 bytes", () => Decompress(cut));

        byte[] wrongLength = Compressed(Plain(3, 1, 1000, 1, "02"));
        wrongLength[4] = 0x7f;
        AssertRefused("more bytes were to be read", () => Decompress(wrongLength));
        wrongLength[4] = 0xff;
        AssertRefused("more bytes were to be read", () => Decompress(wrongLength));

        byte[] notZlib = Compressed(Plain(3, 1, 1000, 1, "02"));
        notZlib[8] ^= 0xff;
        AssertRefused("not valid zlib data", () => Decompress(notZlib));
        AssertRefused("plain, not compressed", () => Decompress(Plain(3, 1, 1000, 1, "02")));
    }

    [Fact]
    public void A_zip_bomb_is_inflated_only_as_far_as_its_header_allows()
    {
        byte[] bomb = Compressed([.. Plain(3, 1, 1000, 1, "02"), .. new byte[20_000_000]]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(1, Decompress(bomb).TotalCount);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, SmallAllocationBytes);
    }

    [Fact]
    public void Random_damage_ends_in_a_histogram_or_in_the_one_exception()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        for (int i = 1; i < 300; i++)
        {
            histogram.RecordValueWithCount(i * i * 1000L, i);
        }

        ByteBuffer buffer = ByteBuffer.Allocate(histogram.GetNeededByteBufferCapacity());
        histogram.Encode(buffer);
        byte[] plain = buffer.Written.ToArray();
        byte[] compressed = Compressed(plain);
        var random = new Random(11);
        for (int round = 0; round < TestScale.Pick(2_000, 100_000); round++)
        {
            TryDecode(Damaged(plain, random), HistogramEncoding.DecodeFromByteBuffer);
            TryDecode(Damaged(compressed, random), HistogramEncoding.DecodeFromCompressedByteBuffer);
        }
    }

    private static void TryDecode(byte[] data, Func<ByteBuffer, long, HistogramBase> decode)
    {
        try
        {
            HistogramBase decoded = decode(ByteBuffer.Allocate(data), 0);
            Assert.Equal(decoded.TotalCount, decoded.RecordedValues().Sum(step => step.CountAtValueIteratedTo));
        }
        catch (InvalidDataException failure)
        {
            Assert.NotEmpty(failure.Message);
        }
    }

    private static byte[] Damaged(byte[] data, Random random)
    {
        byte[] damaged = data[..random.Next(random.Next(2) == 0 ? 1 : data.Length, data.Length + 1)];
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
        }

        return damaged;
    }

    private static HistogramBase Decompress(byte[] data) => HistogramEncoding.DecodeFromCompressedByteBuffer(ByteBuffer.Allocate(data), 0);

    private static byte[] Plain(int digits, long lowest, long highest, int payloadLength, string payloadHex)
    {
        byte[] payload = Convert.FromHexString(payloadHex);
        ByteBuffer buffer = ByteBuffer.Allocate(40 + payload.Length);
        buffer.PutInt(0x1c849313);
        buffer.PutInt(payloadLength);
        buffer.PutInt(0);
        buffer.PutInt(digits);
        buffer.PutLong(lowest);
        buffer.PutLong(highest);
        buffer.PutDouble(1.0);
        buffer.PutBytes(payload);
        return buffer.Written.ToArray();
    }

    private static byte[] Compressed(byte[] plain)
    {
        using var deflated = new MemoryStream();
        using (var zlib = new ZLibStream(deflated, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(plain);
        }

        ByteBuffer buffer = ByteBuffer.Allocate(8 + (int)deflated.Length);
        buffer.PutInt(0x1c849314);
        buffer.PutInt((int)deflated.Length);
        buffer.PutBytes(deflated.ToArray());
        return buffer.Written.ToArray();
    }

    private static void AssertRefused(string reason, Func<HistogramBase> decode)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var failure = Assert.Throws<InvalidDataException>(() => decode());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, SmallAllocationBytes);
        Assert.Contains(reason, failure.Message);
    }
}
