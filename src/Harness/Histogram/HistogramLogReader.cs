using System.Globalization;
using System.Text;

namespace HdrHistogram;

/// <summary>
/// Reads interval histograms from a .hlog of any HdrHistogram tool. A line that is neither a comment nor the legend nor an interval is an
/// <see cref="InvalidDataException"/> that names it. The UTF-16 that the .NET package writes is recognised by its byte order mark.
/// </summary>
public sealed class HistogramLogReader : IDisposable
{
    private const string StartTimePrefix = "#[StartTime:";
    private const string BaseTimePrefix = "#[BaseTime:";
    private const string TagPrefix = "Tag=";
    private const double SecondsInYear = 365 * 24 * 3600.0;

    private readonly StreamReader _log;
    private double? _startTimeSeconds;
    private double? _baseTimeSeconds;

    /// <param name="inputStream">What to read; it stays open when the reader is disposed of.</param>
    public HistogramLogReader(Stream inputStream) =>
        _log = new StreamReader(inputStream, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, bufferSize: 4096, leaveOpen: true);

    /// <summary>Reads a whole log.</summary>
    public static IEnumerable<HistogramBase> Read(Stream inputStream)
    {
        using var reader = new HistogramLogReader(inputStream);
        return reader.ReadHistograms().ToArray();
    }

    /// <summary>The intervals in the order of the log, each with its tag and its absolute times, read as they are asked for.</summary>
    public IEnumerable<HistogramBase> ReadHistograms()
    {
        int lineNumber = 0;
        while (_log.ReadLine() is { } line)
        {
            lineNumber++;
            if (line.StartsWith('#'))
            {
                ReadComment(line, lineNumber);
            }
            else if (line.Length != 0 && !line.StartsWith("\"StartTimestamp\"", StringComparison.Ordinal))
            {
                yield return ReadInterval(line, lineNumber);
            }
        }
    }

    /// <summary>When the recording began: what the log says of that, or the first interval's start. Known once the first interval was read.</summary>
    public DateTime GetStartTime() => DateTime.UnixEpoch.AddMilliseconds(Math.Round((_startTimeSeconds ?? 0.0) * 1000.0));

    public void Dispose() => _log.Dispose();

    private void ReadComment(string line, int lineNumber)
    {
        if (line.StartsWith(StartTimePrefix, StringComparison.Ordinal))
        {
            _startTimeSeconds = FirstTime(line[StartTimePrefix.Length..], lineNumber);
        }
        else if (line.StartsWith(BaseTimePrefix, StringComparison.Ordinal))
        {
            _baseTimeSeconds = FirstTime(line[BaseTimePrefix.Length..], lineNumber);
        }
    }

    private HistogramBase ReadInterval(string line, int lineNumber)
    {
        string[] fields = line.Split(',');
        bool tagged = fields[0].StartsWith(TagPrefix, StringComparison.Ordinal);
        ReadOnlySpan<string> figures = fields.AsSpan(tagged ? 1 : 0);
        if (figures.Length != 4)
        {
            throw Malformed(lineNumber, "it is not [Tag=NAME,]start,length,max,histogram");
        }

        double start = Number(figures[0], lineNumber);
        double length = Number(figures[1], lineNumber);
        Number(figures[2], lineNumber); // The largest value, which the histogram says better.
        HistogramBase histogram = Decode(figures[3], lineNumber);

        double absoluteStart = start + BaseTimeFor(start);
        histogram.StartTimeStamp = Milliseconds(absoluteStart, lineNumber);
        histogram.EndTimeStamp = Milliseconds(absoluteStart + length, lineNumber);
        histogram.Tag = tagged ? Tag(fields[0], lineNumber) : null;
        return histogram;
    }

    /// <summary>
    /// What the log's times count from. A log that does not say is taken, as all readers take it, to hold absolute times, unless its first one
    /// is more than a year before the log's own start: then it can only count from that start.
    /// </summary>
    private double BaseTimeFor(double firstSeconds)
    {
        _startTimeSeconds ??= firstSeconds;
        _baseTimeSeconds ??= firstSeconds < _startTimeSeconds - SecondsInYear ? _startTimeSeconds : 0.0;
        return _baseTimeSeconds.Value;
    }

    private static HistogramBase Decode(string base64, int lineNumber)
    {
        try
        {
            return HistogramEncoding.DecodeFromCompressedByteBuffer(ByteBuffer.Allocate(Convert.FromBase64String(base64)), 0);
        }
        catch (Exception failure) when (failure is FormatException or InvalidDataException)
        {
            throw Malformed(lineNumber, failure.Message, failure);
        }
    }

    private static string Tag(string field, int lineNumber) =>
        field.Length > TagPrefix.Length && !field.Contains(' ')
            ? field[TagPrefix.Length..]
            : throw Malformed(lineNumber, "its tag is empty or contains a space");

    private static double FirstTime(string text, int lineNumber)
    {
        double seconds = Number(text.TrimStart().Split([' ', ',', ']'], 2)[0], lineNumber);
        Milliseconds(seconds, lineNumber); // Only whether it is a time at all.
        return seconds;
    }

    private static double Number(string text, int lineNumber) =>
        double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number
            : throw Malformed(lineNumber, $"'{text}' is not a number");

    private static long Milliseconds(double seconds, int lineNumber) =>
        Math.Abs(seconds) < 1e11 ? (long)Math.Round(seconds * 1000.0) : throw Malformed(lineNumber, $"no interval was recorded {seconds} s after the epoch");

    private static InvalidDataException Malformed(int lineNumber, string reason, Exception? cause = null) =>
        new($"Line {lineNumber} of the histogram log is malformed: {reason}", cause);
}
