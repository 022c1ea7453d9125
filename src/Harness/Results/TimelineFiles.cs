using System.Text.Json;
using Harness.Timeline;

namespace Harness.Results;

/// <summary>What our client's two sides did in one cell, in a pass after the rounds: <c>timeline/CELL.json</c>.</summary>
internal sealed record TimelineRecord
{
    public const int CurrentSchema = 1;

    /// <summary>Raised when a reader of the previous format would misread the new one.</summary>
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>The cell's id, see <see cref="Matrix.Cell.Id"/>.</summary>
    public required string Cell { get; init; }

    /// <summary>What <c>harness timeline --json</c> wrote.</summary>
    public required TimelineDocument Timeline { get; init; }
}

/// <summary>The timelines of a run, a file for each cell on one line of JSON. Every file is whole at every moment.</summary>
internal sealed class TimelineFiles(string folder)
{
    public const string Folder = "timeline";

    /// <summary>Puts down one cell.</summary>
    /// <exception cref="HarnessException">The disk is full, or the folder is gone.</exception>
    public void Write(TimelineRecord record)
    {
        var path = PathOf(record.Cell);
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, Folder));
            File.WriteAllText(path + ".new", JsonSerializer.Serialize(record, ResultsJson.Line.TimelineRecord) + "\n");
            // A run that is killed here leaves no half of a file.
            File.Move(path + ".new", path, overwrite: true);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write a timeline to '{path}': {e.Message.TrimEnd('.')}; the rounds are kept", e);
        }
    }

    /// <summary>Whether a cell has been recorded; one whose file is damaged has not.</summary>
    public bool IsDone(string cellId) => File.Exists(PathOf(cellId)) && Read(PathOf(cellId), []) is not null;

    /// <summary>All of them, by name; what cannot be read is left out and added to the problems, a line each.</summary>
    public IReadOnlyList<TimelineRecord> ReadAll(List<string> problems)
    {
        var place = Path.Combine(folder, Folder);
        return Directory.Exists(place)
            ? [.. Directory.GetFiles(place, "*.json").Order(StringComparer.Ordinal).Select(path => Read(path, problems)).OfType<TimelineRecord>()]
            : [];
    }

    private static TimelineRecord? Read(string path, List<string> problems)
    {
        var name = $"{Folder}/{Path.GetFileName(path)}";
        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllText(path), ResultsJson.Line.TimelineRecord) ?? throw new JsonException("it is null");
            if (record.Schema is < 1 or > TimelineRecord.CurrentSchema)
            {
                problems.Add($"{name}: has schema {record.Schema}, and this harness reads {TimelineRecord.CurrentSchema}; left out");
                return null;
            }
            if (CellFile.Name(record.Cell) != Path.GetFileNameWithoutExtension(path))
            {
                throw new InvalidDataException("it is of another cell than its name says");
            }
            return record;
        }
        catch (Exception e) when (e is JsonException or InvalidDataException || FileTrouble.Is(e))
        {
            var why = e is JsonException ? "the file was cut short or edited" : OneLine.Of(e.Message).TrimEnd('.');
            problems.Add($"{name}: damaged, left out ({why})");
            return null;
        }
    }

    private string PathOf(string cellId) => Path.Combine(folder, Folder, CellFile.Name(cellId) + ".json");
}
