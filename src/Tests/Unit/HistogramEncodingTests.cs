using FsCheck;
using FsCheck.Fluent;
using HdrHistogram;

namespace Harness.Tests.Unit;

/// <summary>The V2 encoding: its bytes, and that nothing is lost on the way there and back.</summary>
public sealed class HistogramEncodingTests
{
    private static readonly Config FixedSeed = Config.QuickThrowOnFailure.WithReplay(new Replay(new Rnd(20_231_114UL, 1_234_567UL), null))
        .WithMaxTest(TestScale.Pick(200, 5_000));

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        var histogram = new LongHistogram(1, 10_000, 3);
        histogram.RecordValueWithCount(1, 5);
        histogram.RecordValueWithCount(3, 100);
        histogram.RecordValue(1000);
        ByteBuffer buffer = ByteBuffer.Allocate(histogram.GetNeededByteBufferCapacity());
        int length = histogram.Encode(buffer);

        const string Header = "1C849313" + "00000008" + "00000000" + "00000003" + "0000000000000001" + "0000000000002710" + "3FF0000000000000";

        // A single zero, 5, a single zero, 100 in two bytes, 996 zeros in two, 1: doubled when positive, doubled less one when negative.
        const string Payload = "00" + "0A" + "00" + "C801" + "C70F" + "02";
        Assert.Equal(Header + Payload, Convert.ToHexString(buffer.Written));
        Assert.Equal(48, length);
    }

    [Fact]
    public void An_empty_histogram_is_one_zero()
    {
        ByteBuffer buffer = ByteBuffer.Allocate(1000);
        Assert.Equal(41, LatencyHistogram.Create().Encode(buffer));
        buffer.Position = 0;
        HistogramBase decoded = HistogramEncoding.DecodeFromByteBuffer(buffer, 0);
        Assert.Equal((0, LatencyHistogram.HighestNs, 3), (decoded.TotalCount, decoded.HighestTrackableValue, decoded.NumberOfSignificantValueDigits));
    }

    [Fact]
    public void Any_contents_survive_both_forms() =>
        Check.One(FixedSeed, Prop.ForAll(Recordings().ToArbitrary(), recordings =>
        {
            LongHistogram histogram = LatencyHistogram.Create();
            foreach ((long value, int count) in recordings)
            {
                histogram.RecordValueWithCount(value, count);
            }

            return Same(histogram, RoundTrip(histogram, compressed: false)) && Same(histogram, RoundTrip(histogram, compressed: true));
        }));

    [Fact]
    public void Any_shape_survives_both_forms() =>
        Check.One(FixedSeed.WithMaxTest(100), Prop.ForAll(Shapes().ToArbitrary(), shape =>
        {
            var histogram = new LongHistogram(shape.Lowest, shape.Highest, shape.Digits);
            histogram.RecordValue(shape.Highest);
            histogram.RecordValue(shape.Lowest);
            histogram.RecordValueWithCount(shape.Highest / 2, long.MaxValue / 2);
            return Same(histogram, RoundTrip(histogram, compressed: false)) && Same(histogram, RoundTrip(histogram, compressed: true));
        }));

    [Fact]
    public void Every_count_width_survives()
    {
        for (int bits = 0; bits < 62; bits++)
        {
            LongHistogram histogram = LatencyHistogram.Create();
            histogram.RecordValueWithCount(bits, (1L << bits) - 1);
            histogram.RecordValueWithCount(bits + 1, 1L << bits);
            Assert.True(Same(histogram, RoundTrip(histogram, compressed: false)), $"{bits} bits");
        }
    }

    [Fact]
    public void A_full_histogram_that_does_not_compress_fits_the_capacity_asked_for()
    {
        var random = new Random(3);
        var histogram = new LongHistogram(1, 1_000_000, 3);
        foreach (HistogramIterationValue slot in histogram.AllValues())
        {
            histogram.RecordValueWithCount(slot.ValueIteratedTo, (1L << 47) + random.NextInt64(1L << 47));
        }

        Assert.True(Same(histogram, RoundTrip(histogram, compressed: false)));
        Assert.True(Same(histogram, RoundTrip(histogram, compressed: true)));
    }

    [Fact]
    public void Encoding_continues_where_the_buffer_stands()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        histogram.RecordValue(123_456);
        ByteBuffer buffer = ByteBuffer.Allocate(2000);
        buffer.PutInt(42);
        histogram.Encode(buffer);
        histogram.EncodeIntoCompressedByteBuffer(buffer);
        buffer.Position = 0;
        Assert.Equal(42, buffer.GetInt());
        Assert.True(Same(histogram, HistogramEncoding.DecodeFromByteBuffer(buffer, 0)));
        Assert.True(Same(histogram, HistogramEncoding.DecodeFromCompressedByteBuffer(buffer, 0)));
    }

    [Fact]
    public void Decoding_can_ask_for_a_wider_range()
    {
        var histogram = new LongHistogram(1, 1000, 3);
        histogram.RecordValue(77);
        ByteBuffer buffer = ByteBuffer.Allocate(20_000);
        histogram.Encode(buffer);
        buffer.Position = 0;
        HistogramBase decoded = HistogramEncoding.DecodeFromByteBuffer(buffer, LatencyHistogram.HighestNs);
        Assert.Equal((LatencyHistogram.HighestNs, 1), (decoded.HighestTrackableValue, decoded.GetCountAtValue(77)));
    }

    [Fact]
    public void A_buffer_too_small_is_the_callers_mistake()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        histogram.RecordValue(5);
        Assert.Contains("too small", Assert.Throws<ArgumentException>(() => histogram.Encode(ByteBuffer.Allocate(41))).Message);
        Assert.Contains("too small", Assert.Throws<ArgumentException>(() => histogram.EncodeIntoCompressedByteBuffer(ByteBuffer.Allocate(20))).Message);
    }

    private static Gen<(long Value, int Count)[]> Recordings() =>
        (from bits in Gen.Choose(0, 41)
         from fraction in Gen.Choose(0, int.MaxValue)
         from count in Gen.Choose(0, 1_000_000)
         select ((long)((1L << bits) * (fraction / (double)int.MaxValue)), count)).ArrayOf();

    private static Gen<(long Lowest, long Highest, int Digits)> Shapes() =>
        from digits in Gen.Choose(0, 4)
        from lowestBits in Gen.Choose(0, 40)
        from moreBits in Gen.Choose(1, 22)
        from odd in Gen.Choose(0, 1)
        select ((1L << lowestBits) + odd, (1L << (lowestBits + moreBits)) + (2 * odd), digits);

    private static HistogramBase RoundTrip(HistogramBase histogram, bool compressed)
    {
        ByteBuffer buffer = ByteBuffer.Allocate(histogram.GetNeededByteBufferCapacity());
        int written = compressed ? histogram.EncodeIntoCompressedByteBuffer(buffer) : histogram.Encode(buffer);
        Assert.Equal(buffer.Position, written);
        buffer.Position = 0;
        HistogramBase decoded = compressed ? HistogramEncoding.DecodeFromCompressedByteBuffer(buffer, 0) : HistogramEncoding.DecodeFromByteBuffer(buffer, 0);
        Assert.Equal(written, buffer.Position);
        return decoded;
    }

    private static bool Same(HistogramBase one, HistogramBase other) =>
        one.TotalCount == other.TotalCount
        && one.LowestTrackableValue == other.LowestTrackableValue
        && one.HighestTrackableValue == other.HighestTrackableValue
        && one.NumberOfSignificantValueDigits == other.NumberOfSignificantValueDigits
        && one.GetMean().Equals(other.GetMean())
        && one.RecordedValues().SequenceEqual(other.RecordedValues());
}
