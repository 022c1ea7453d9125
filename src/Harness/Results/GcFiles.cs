using System.Text;
using System.Text.Json;
using HdrHistogram;

namespace Harness.Results;

/// <summary>What the traced pass found in one cell, read back.</summary>
/// <param name="Record">The figures.</param>
/// <param name="Intervals">The latencies of that pass, in nanoseconds, by interval; none where its log is missing or damaged.</param>
internal sealed record GcCell(GcRecord Record, IReadOnlyList<HistogramBase> Intervals);

/// <summary>
/// The traced pass of a run: <c>gc/CELL.json</c> and, beside it, the latencies of that pass as <c>gc/CELL.hlog</c>, tagged <c>traced</c>. Every file is whole
/// at every moment; the JSON goes last, so that a cell that has it has been traced.
/// </summary>
internal sealed class GcFiles(string folder)
{
    public const string Folder = "gc";
    public const string Tag = "traced";

    /// <summary>Puts down one cell, in place of what an earlier try left.</summary>
    /// <param name="record">What it came to.</param>
    /// <param name="hlogPath">The interval log of the pass; null where there is none.</param>
    /// <exception cref="HarnessException">The disk is full, or the folder is gone.</exception>
    public void Write(GcRecord record, string? hlogPath)
    {
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, Folder));
            if (hlogPath is not null)
            {
                var intervals = ReadLog(hlogPath);
                Replace(PathOf(record.Cell, ".hlog"), stream => WriteLog(stream, intervals));
            }
            var json = JsonSerializer.Serialize(record, ResultsJson.Document.GcRecord) + "\n";
            Replace(PathOf(record.Cell, ".json"), stream => stream.Write(Encoding.UTF8.GetBytes(json)));
        }
        catch (Exception e) when (FileTrouble.Is(e) || e is InvalidDataException or FormatException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write the traced pass to '{Path.Combine(folder, Folder)}': {e.Message.TrimEnd('.')}; the rounds are kept", e);
        }
    }

    /// <summary>Whether a cell has been traced. One that could not be, or whose file is damaged, has not.</summary>
    public bool IsDone(string cellId)
    {
        var path = PathOf(cellId, ".json");
        return File.Exists(path) && Read(path, []) is { Record.Status: CellStatus.Ok };
    }

    /// <summary>All cells of the pass, by name; what cannot be read is left out and added to the problems, a line each.</summary>
    public IReadOnlyList<GcCell> ReadAll(List<string> problems)
    {
        var gc = Path.Combine(folder, Folder);
        return Directory.Exists(gc)
            ? [.. Directory.GetFiles(gc, "*.json").Order(StringComparer.Ordinal).Select(path => Read(path, problems)).OfType<GcCell>()]
            : [];
    }

    private GcCell? Read(string path, List<string> problems)
    {
        var name = $"{Folder}/{Path.GetFileName(path)}";
        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllText(path), ResultsJson.Document.GcRecord) ?? throw new JsonException("it is null");
            if (record.Schema > GcRecord.CurrentSchema)
            {
                problems.Add($"{name}: written by a newer harness (schema {record.Schema}, this one reads {GcRecord.CurrentSchema}), left out; update this one");
                return null;
            }
            Check(record, path);
            return new GcCell(record, Intervals(record, problems));
        }
        catch (Exception e) when (e is JsonException or InvalidDataException || FileTrouble.Is(e))
        {
            var why = e is JsonException ? "the file was cut short or edited" : OneLine.Of(e.Message).TrimEnd('.');
            problems.Add($"{name}: damaged, left out ({why})");
            return null;
        }
    }

    /// <summary>What no pass can have found was edited, and would be drawn somewhere outside of the chart.</summary>
    private static void Check(GcRecord record, string path)
    {
        if (record.Schema < 1 || CellFile.Name(record.Cell) != Path.GetFileNameWithoutExtension(path))
        {
            throw new InvalidDataException(record.Schema < 1 ? $"it says schema {record.Schema}, which never was" : "it is of another cell than its name says");
        }
        var window = record.WindowSeconds ?? 0;
        var pauses = new[] { record.Server, record.Client }.OfType<GcSide>().SelectMany(side => side.Pauses);
        if (window < 0 || pauses.Any(pause => pause.StartSeconds < 0 || pause.StartSeconds > window || pause.DurationUs < 0))
        {
            throw new InvalidDataException("a pause lies outside of the measured part");
        }
    }

    private IReadOnlyList<HistogramBase> Intervals(GcRecord record, List<string> problems)
    {
        var path = PathOf(record.Cell, ".hlog");
        if (record.Status != CellStatus.Ok)
        {
            return [];
        }
        try
        {
            return ReadLog(path);
        }
        catch (Exception e) when (FileTrouble.Is(e) || e is InvalidDataException or FormatException)
        {
            var why = e is FileNotFoundException ? "missing" : $"damaged ({OneLine.Of(e.Message).TrimEnd('.')})";
            problems.Add($"{Folder}/{Path.GetFileName(path)}: {why}, so its pauses are not drawn");
            return [];
        }
    }

    private string PathOf(string cellId, string extension) => Path.Combine(folder, Folder, CellFile.Name(cellId) + extension);

    private static List<HistogramBase> ReadLog(string path)
    {
        using var stream = File.OpenRead(path);
        return [.. new HistogramLogReader(stream).ReadHistograms()];
    }

    private static void WriteLog(Stream stream, List<HistogramBase> intervals)
    {
        intervals.ForEach(interval => interval.Tag = Tag);
        HistogramLogWriter.Write(stream, DateTimeOffset.FromUnixTimeMilliseconds(intervals[0].StartTimeStamp).UtcDateTime, [.. intervals]);
    }

    // A run that is killed here leaves the old file, or none, not half of the new one.
    private static void Replace(string path, Action<Stream> write)
    {
        using (var stream = File.Create(path + ".new"))
        {
            write(stream);
        }
        File.Move(path + ".new", path, overwrite: true);
    }
}
