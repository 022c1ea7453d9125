using System.Globalization;
using System.Text;

namespace HdrHistogram;

/// <summary>
/// Writes interval histograms as a .hlog: text lines in UTF-8 without a byte order mark, each interval flushed as it is written, so that a log
/// cut short is still a log. Log format version 1.3, as the Java original writes it.
/// </summary>
public sealed class HistogramLogWriter : IDisposable
{
    /// <summary>What the largest value of an interval is divided by in its line: nanoseconds become milliseconds.</summary>
    public const double DefaultMaxValueUnitRatio = 1_000_000.0;

    private readonly StreamWriter _log;
    private readonly double _maxValueUnitRatio;
    private ByteBuffer _payload = ByteBuffer.Allocate(0);
    private bool _hasHeader;
    private long _baseTimeMs;

    /// <param name="outputStream">Where to write; it stays open when the writer is disposed of.</param>
    /// <param name="maxValueUnitRatio">By what to divide the largest value that each line shows to people. Readers ignore that figure.</param>
    public HistogramLogWriter(Stream outputStream, double maxValueUnitRatio = DefaultMaxValueUnitRatio)
    {
        _log = new StreamWriter(outputStream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 4096, leaveOpen: true) { NewLine = "\n" };
        _maxValueUnitRatio = maxValueUnitRatio;
    }

    /// <summary>
    /// When set before anything is written, the log says so, and its intervals' times count from here. Else they count from the epoch.
    /// </summary>
    public DateTime? BaseTime { get; init; }

    /// <summary>Writes a whole log.</summary>
    public static void Write(Stream outputStream, DateTime startTime, params HistogramBase[] histograms)
    {
        using var writer = new HistogramLogWriter(outputStream);
        writer.Write(startTime, histograms);
    }

    /// <summary>Begins the log, which can be done once, and appends the histograms.</summary>
    /// <param name="startTime">When the whole recording began; UTC, unless its kind says local.</param>
    /// <param name="histograms">The first intervals; there may be none yet.</param>
    public void Write(DateTime startTime, params HistogramBase[] histograms)
    {
        if (_hasHeader)
        {
            throw new InvalidOperationException("This histogram log has begun already; further intervals go to it with Append.");
        }

        WriteHeader(startTime);
        foreach (HistogramBase histogram in histograms)
        {
            WriteInterval(histogram);
        }
    }

    /// <summary>Appends one interval, whose time is in the histogram's stamps. An empty log begins with the first interval's start.</summary>
    public void Append(HistogramBase histogram)
    {
        if (!_hasHeader)
        {
            WriteHeader(DateTimeOffset.FromUnixTimeMilliseconds(histogram.StartTimeStamp).UtcDateTime);
        }

        WriteInterval(histogram);
    }

    /// <summary>Writes a line for people, at the log's head or between intervals. Readers pass over it.</summary>
    public void WriteComment(string comment)
    {
        foreach (string line in comment.Split('\n'))
        {
            _log.WriteLine($"#{line.TrimEnd('\r')}");
        }

        _log.Flush();
    }

    public void Dispose() => _log.Dispose();

    private void WriteHeader(DateTime startTime)
    {
        _hasHeader = true;
        _log.WriteLine("#[Histogram log format version 1.3]");
        long startTimeMs = UnixTimeMs(startTime);
        string startIso = DateTimeOffset.FromUnixTimeMilliseconds(startTimeMs).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        _log.WriteLine($"#[StartTime: {Seconds(startTimeMs)} (seconds since epoch), {startIso}]");
        if (BaseTime is { } baseTime)
        {
            _baseTimeMs = UnixTimeMs(baseTime);
            _log.WriteLine($"#[BaseTime: {Seconds(_baseTimeMs)} (seconds since epoch)]");
        }

        _log.WriteLine("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"");
        _log.Flush();
    }

    private void WriteInterval(HistogramBase histogram)
    {
        if (histogram.EndTimeStamp < histogram.StartTimeStamp || histogram.EndTimeStamp == 0)
        {
            throw new InvalidOperationException(
                $"An interval needs a StartTimeStamp and a later EndTimeStamp before it can be logged; they are {histogram.StartTimeStamp} and {histogram.EndTimeStamp}.");
        }

        if (_payload.Capacity() < histogram.GetNeededByteBufferCapacity())
        {
            _payload = ByteBuffer.Allocate(histogram.GetNeededByteBufferCapacity());
        }

        _payload.Position = 0;
        histogram.EncodeIntoCompressedByteBuffer(_payload);
        string tag = histogram.Tag is null ? "" : $"Tag={histogram.Tag},";
        string start = Seconds(histogram.StartTimeStamp - _baseTimeMs);
        string length = Seconds(histogram.EndTimeStamp - histogram.StartTimeStamp);
        string max = JavaDecimal.Format(histogram.GetMaxValue() / _maxValueUnitRatio, 3);
        _log.WriteLine($"{tag}{start},{length},{max},{Convert.ToBase64String(_payload.Written)}");
        _log.Flush();
    }

    private static long UnixTimeMs(DateTime time) => new DateTimeOffset(
        time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : DateTime.SpecifyKind(time, DateTimeKind.Utc)).ToUnixTimeMilliseconds();

    private static string Seconds(long ms) => (ms / 1000m).ToString("F3", CultureInfo.InvariantCulture);
}
