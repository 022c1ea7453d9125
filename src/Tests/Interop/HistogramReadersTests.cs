using System.Globalization;
using System.Text.Json;
using HdrHistogram;
using static Harness.Tests.Interop.HistogramReadersTools;

namespace Harness.Tests.Interop;

/// <summary>Other HdrHistogram tools read what we write, we read what they write, and all figures are the same.</summary>
public sealed class HistogramReadersTests : IDisposable
{
    private const long StartMs = 1_700_000_000_123;

    private readonly TempDir _folder = new();
    private readonly HistogramBase[] _intervals = SomeIntervals(StartMs, TestScale.Pick(3_000, 300_000));

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(null, 1.0)]
    [InlineData(null, 1_000.0)]
    [InlineData("read", 1_000.0)]
    [InlineData("write", 1_000_000.0)]
    [InlineData(null, 1_000_000_000.0)]
    public void Our_hgrm_is_line_by_line_what_Java_prints_from_our_log(string? tag, double ratio)
    {
        (string csv, string hgrm) = ProcessWithJava(WriteOurLog(), tag, ratio);
        HistogramBase[] tagged = [.. _intervals.Where(interval => interval.Tag == tag)];

        Assert.Equal(Hgrm(Sum(tagged), ratio, csv: true), hgrm);
        Assert.Equal(tagged.Select((interval, i) => CsvRow(interval, Sum(tagged[..(i + 1)]), ratio)), RowsWithoutTime(csv));
    }

    [SkippableFact]
    public void Our_hgrm_in_columns_is_line_by_line_what_Java_prints_from_our_log()
    {
        string printed = Java("org.HdrHistogram.HistogramLogProcessor", "-i", WriteOurLog(), "-outputValueUnitRatio", "1000.0");

        // The processor says first when the log began; that line is its own, not the distribution's.
        string[] lines = printed.Split('\n');
        Assert.StartsWith("#[StartTime: 1700000000.123 ", lines[0]);
        Assert.Equal(Hgrm(Sum(_intervals.Where(interval => interval.Tag is null)), 1000.0), string.Join('\n', lines[1..]));
    }

    [SkippableFact]
    public void Our_hgrm_equals_Javas_out_to_the_finest_percentiles()
    {
        LongHistogram histogram = LatencyHistogram.Create();
        for (int magnitude = 0; magnitude < 42; magnitude++)
        {
            // Each value is half as frequent as the one before, so every half-distance to 100 % has steps of its own.
            histogram.RecordValueWithCount(3L << magnitude, 1L << (45 - magnitude));
            histogram.RecordValueWithCount((5L << magnitude) - 1, 1L << (43 - magnitude));
        }

        histogram.EndTimeStamp = 1000;
        string log = _folder.File("deep.hlog");
        using (FileStream stream = File.Create(log))
        {
            HistogramLogWriter.Write(stream, DateTime.UnixEpoch, histogram);
        }

        // A log that starts at the epoch has no start time to print: what comes out is the distribution alone.
        Assert.Equal(Hgrm(histogram, 1000.0), Java("org.HdrHistogram.HistogramLogProcessor", "-i", log, "-outputValueUnitRatio", "1000.0"));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_npm_package_reads_our_log(bool withBaseTime)
    {
        JsonElement said = JavaScript("read", WriteOurLog(withBaseTime));
        JsonElement[] intervals = [.. said.GetProperty("intervals").EnumerateArray()];

        Assert.Equal(_intervals.Length, intervals.Length);
        Assert.All(_intervals.Zip(intervals), pair => AssertSameFigures(pair.Second, pair.First));
        Assert.Equal(_intervals.Select(interval => interval.TotalCount), said.GetProperty("bareCounts").EnumerateArray().Select(count => count.GetInt64()));
    }

    [SkippableFact]
    public void We_read_a_log_of_the_npm_package()
    {
        string log = _folder.File("javascript.hlog");
        JsonElement[] intervals = [.. JavaScript("write", log).GetProperty("intervals").EnumerateArray()];
        HistogramBase[] read = ReadLog(log);

        Assert.Equal(intervals.Length, read.Length);
        Assert.All(intervals.Zip(read), pair => AssertSameFigures(pair.First, pair.Second));
    }

    [Fact]
    public void We_read_the_committed_log_of_Java() =>
        AssertJavasFacts(Path.Combine(InteropFolder, "HistogramReaders.java.hlog"), Path.Combine(InteropFolder, "HistogramReaders.java.facts"));

    [SkippableFact]
    public void We_read_a_log_that_Java_writes_now()
    {
        SkipWithoutJavaCompiler();
        string log = _folder.File("java.hlog");
        string facts = _folder.File("java.facts");
        Java(Path.Combine(InteropFolder, "HistogramReaders.WriteLog.java"), log, facts);
        AssertJavasFacts(log, facts);
    }

    private static void AssertJavasFacts(string log, string facts)
    {
        HistogramBase[] read = ReadLog(log);
        Assert.Equal(File.ReadAllLines(facts), read.Select(FactsLine));
        Assert.Equal(StartMs + 1000, read[1].StartTimeStamp);
    }

    private static string FactsLine(HistogramBase histogram)
    {
        string percentiles = string.Join(' ', Percentiles.Select(histogram.GetValueAtPercentile));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{histogram.Tag ?? "null"} {histogram.StartTimeStamp} {histogram.EndTimeStamp} {histogram.TotalCount} {histogram.GetMinValue()} {histogram.GetMaxValue()} "
            + $"{percentiles} {AsJava(histogram.GetMean())} {AsJava(histogram.GetStdDeviation())}");
    }

    /// <summary>All digits, and at least one after the point, as Java prints a double below ten million.</summary>
    private static string AsJava(double value)
    {
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        return digits.Contains('.') ? digits : digits + ".0";
    }

    private static void AssertSameFigures(JsonElement theirs, HistogramBase ours)
    {
        Assert.Equal(theirs.GetProperty("tag").GetString(), ours.Tag);
        Assert.Equal(theirs.GetProperty("startMs").GetInt64(), ours.StartTimeStamp);
        Assert.Equal(theirs.GetProperty("endMs").GetInt64(), ours.EndTimeStamp);
        Assert.Equal(theirs.GetProperty("totalCount").GetInt64(), ours.TotalCount);
        Assert.Equal(theirs.GetProperty("max").GetInt64(), ours.GetMaxValue());
        Assert.Equal(theirs.GetProperty("percentiles").EnumerateArray().Select(value => value.GetInt64()), Percentiles.Select(ours.GetValueAtPercentile));
        Assert.Equal(theirs.GetProperty("mean").GetDouble(), ours.GetMean(), 1e-9 * (1 + ours.GetMean()));
        Assert.Equal(theirs.GetProperty("stdDeviation").GetDouble(), ours.GetStdDeviation(), 1e-9 * (1 + ours.GetStdDeviation()));
    }

    private string WriteOurLog(bool withBaseTime = false)
    {
        string path = _folder.File("ours.hlog");
        DateTime start = DateTime.UnixEpoch.AddMilliseconds(StartMs);
        using FileStream stream = File.Create(path);
        using var writer = new HistogramLogWriter(stream) { BaseTime = withBaseTime ? start : null };
        writer.WriteComment("unit: ns");
        writer.Write(start, _intervals[..2]);
        Array.ForEach(_intervals[2..], writer.Append);
        return path;
    }

    private static HistogramBase[] ReadLog(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return [.. HistogramLogReader.Read(stream)];
    }

    private static HistogramBase Sum(IEnumerable<HistogramBase> histograms)
    {
        LongHistogram sum = LatencyHistogram.Create();
        foreach (HistogramBase histogram in histograms)
        {
            sum.Add(histogram);
        }

        return sum;
    }

    private static string Hgrm(HistogramBase histogram, double ratio, bool csv = false)
    {
        using var text = new StringWriter();
        histogram.OutputPercentileDistribution(text, 5, ratio, csv);
        return text.ToString();
    }

    /// <summary>The processor's two CSV files: a row for each interval, and the distribution of all, without the lines about the log's times.</summary>
    private (string Csv, string Hgrm) ProcessWithJava(string log, string? tag, double ratio)
    {
        string output = _folder.File("java");
        string[] tagArguments = tag is null ? [] : ["-tag", tag];
        string unitRatio = ratio.ToString("F1", CultureInfo.InvariantCulture);
        Java(["org.HdrHistogram.HistogramLogProcessor", "-csv", "-i", log, "-o", output, "-outputValueUnitRatio", unitRatio, .. tagArguments]);
        return (WithoutComments(File.ReadAllText(output)), WithoutComments(File.ReadAllText(output + ".hgrm")));
    }

    private static string WithoutComments(string text) => string.Join('\n', text.Split('\n').Where(line => !line.StartsWith('#')));

    private static IEnumerable<string> RowsWithoutTime(string csv) =>
        csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(row => row[(row.IndexOf(',') + 1)..]);

    private static string CsvRow(HistogramBase interval, HistogramBase sum, double ratio)
    {
        string Figure(long value) => JavaDecimal.Format(value / ratio, 3);
        string Figures(HistogramBase of, params double[] percentiles) => string.Join(',', percentiles.Select(p => Figure(of.GetValueAtPercentile(p))));
        return $"{interval.TotalCount},{Figures(interval, 50, 90)},{Figure(interval.GetMaxValue())},"
            + $"{sum.TotalCount},{Figures(sum, 50, 90, 99, 99.9, 99.99)},{Figure(sum.GetMaxValue())}";
    }
}
