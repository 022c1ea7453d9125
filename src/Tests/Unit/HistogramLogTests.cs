using System.Globalization;
using System.Text;
using HdrHistogram;

namespace Harness.Tests.Unit;

/// <summary>The .hlog format as text; that other tools read it, the interop tests show.</summary>
public sealed class HistogramLogTests
{
    private const long StartMs = 1_700_000_000_123;
    private static readonly DateTime Start = DateTime.UnixEpoch.AddMilliseconds(StartMs);

    [Fact]
    public void A_log_is_these_lines_in_plain_utf8()
    {
        using var stream = new MemoryStream();
        using (var writer = new HistogramLogWriter(stream))
        {
            writer.WriteComment("unit: ns");
            writer.Write(Start, Interval(0, 2_500_000, null));
            writer.Append(Interval(1, 1_234_567, "read"));
        }

        Assert.Equal((byte)'#', stream.ToArray()[0]);
        string[] lines = Text(stream).Split('\n');
        Assert.Equal("#unit: ns", lines[0]);
        Assert.Equal("#[Histogram log format version 1.3]", lines[1]);
        Assert.Equal("#[StartTime: 1700000000.123 (seconds since epoch), 2023-11-14T22:13:20.123Z]", lines[2]);
        Assert.Equal("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"", lines[3]);
        Assert.StartsWith("1700000000.123,0.999,2.501,HISTFAAA", lines[4]);
        Assert.StartsWith("Tag=read,1700000001.123,0.999,1.235,HISTFAAA", lines[5]);
        Assert.Equal("", lines[6]);
        Assert.Equal(7, lines.Length);
    }

    [Fact]
    public void Times_count_from_the_base_time_when_there_is_one()
    {
        using var stream = new MemoryStream();
        using (var writer = new HistogramLogWriter(stream, maxValueUnitRatio: 1000.0) { BaseTime = Start })
        {
            writer.Append(Interval(0, 2_000, null));
            writer.Append(Interval(1, 3_000, null));
        }

        string[] lines = Text(stream).Split('\n');
        Assert.Equal("#[BaseTime: 1700000000.123 (seconds since epoch)]", lines[2]);
        Assert.StartsWith("0.000,0.999,2.000,", lines[4]);
        Assert.StartsWith("1.000,0.999,3.001,", lines[5]);
        stream.Position = 0;
        Assert.Equal([StartMs, StartMs + 1000], HistogramLogReader.Read(stream).Select(interval => interval.StartTimeStamp));
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        HistogramBase[] intervals = [Interval(0, 10, null), Interval(1, 20_000, "read"), Interval(2, 30_000_000, "write")];
        using var stream = new MemoryStream();
        HistogramLogWriter.Write(stream, Start, intervals);
        stream.Position = 0;
        using var reader = new HistogramLogReader(stream);
        HistogramBase[] read = [.. reader.ReadHistograms()];

        Assert.Equal(Start, reader.GetStartTime());
        Assert.Equal(
            intervals.Select(interval => (interval.Tag, interval.StartTimeStamp, interval.EndTimeStamp, interval.TotalCount, interval.GetMaxValue())),
            read.Select(interval => (interval.Tag, interval.StartTimeStamp, interval.EndTimeStamp, interval.TotalCount, interval.GetMaxValue())));
    }

    [Fact]
    public void Every_interval_is_in_the_stream_at_once()
    {
        using var stream = new MemoryStream();
        using var writer = new HistogramLogWriter(stream);
        writer.Append(Interval(0, 5, null));
        long afterOne = stream.Length;
        writer.Append(Interval(1, 5, null));
        Assert.True(stream.Length > afterOne);
        Assert.EndsWith("\n", Text(stream));
    }

    [Fact]
    public void The_machines_culture_changes_nothing()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        var decimalComma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        decimalComma.NumberFormat.NumberDecimalSeparator = ",";
        try
        {
            CultureInfo.CurrentCulture = decimalComma;
            What_was_written_is_read_back();
            A_log_is_these_lines_in_plain_utf8();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData("5.000,1.000,0.000", StartMs + 5000)]
    [InlineData("1700000005.123,1.000,0.000", StartMs + 5000)]
    public void Times_without_a_base_are_absolute_unless_they_are_a_year_too_early(string figures, long startMs)
    {
        string log = $"#[StartTime: 1700000000.123 (seconds since epoch), some day]\r\n\r\n{figures},{Payload()}\r\n";
        Assert.Equal(startMs, Assert.Single(ReadText(log)).StartTimeStamp);
    }

    [Fact]
    public void A_utf16_log_with_its_byte_order_mark_is_read()
    {
        byte[] bytes = [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes($"1.000,1.000,0.000,{Payload()}\n")];
        Assert.Single(HistogramLogReader.Read(new MemoryStream(bytes)));
    }

    [Theory]
    [InlineData("1.0,1.0,AAAA", "it is not [Tag=NAME,]start,length,max,histogram")]
    [InlineData("nonsense", "it is not [Tag=NAME,]start,length,max,histogram")]
    [InlineData("1.0,x,1.0,AAAA", "'x' is not a number")]
    [InlineData("NaN,1.0,1.0,AAAA", "'NaN' is not a number")]
    [InlineData("1.0,1.0,1.0,@@@", "Base-64")]
    [InlineData("1.0,1.0,1.0,AAAAAAAA", "not a histogram")]
    [InlineData("1.0,1.0,1.0,", "ends at byte 0")]
    [InlineData("1e30,1.0,1.0,PAYLOAD", "s after the epoch")]
    [InlineData("Tag=,1.0,1.0,1.0,PAYLOAD", "its tag is empty")]
    [InlineData("#[StartTime: soon]", "'soon' is not a number")]
    [InlineData("#[BaseTime: 1e300]", "s after the epoch")]
    public void A_malformed_line_is_named(string line, string reason)
    {
        string log = "#[Histogram log format version 1.3]\n" + line.Replace("PAYLOAD", Payload()) + "\n";
        var failure = Assert.Throws<InvalidDataException>(() => ReadText(log));
        Assert.StartsWith("Line 2 of the histogram log is malformed: ", failure.Message);
        Assert.Contains(reason, failure.Message);
    }

    [Fact]
    public void A_log_that_would_be_wrong_is_not_written()
    {
        using var writer = new HistogramLogWriter(new MemoryStream());
        Assert.Contains("StartTimeStamp", Assert.Throws<InvalidOperationException>(() => writer.Append(LatencyHistogram.Create())).Message);
        Assert.Contains("Append", Assert.Throws<InvalidOperationException>(() => writer.Write(Start)).Message);
    }

    private static LongHistogram Interval(int number, long value, string? tag)
    {
        LongHistogram histogram = LatencyHistogram.Create();
        histogram.RecordValue(value);
        histogram.Tag = tag;
        histogram.StartTimeStamp = StartMs + (number * 1000);
        histogram.EndTimeStamp = histogram.StartTimeStamp + 999;
        return histogram;
    }

    private static string Payload()
    {
        ByteBuffer buffer = ByteBuffer.Allocate(1000);
        LatencyHistogram.Create().EncodeIntoCompressedByteBuffer(buffer);
        return Convert.ToBase64String(buffer.Written);
    }

    private static HistogramBase[] ReadText(string log) => [.. HistogramLogReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(log)))];

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());
}
