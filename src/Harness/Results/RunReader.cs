using System.Text.Json;

namespace Harness.Results;

/// <summary>A run as it was read back.</summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="Run">What holds for all of it.</param>
/// <param name="Cells">The records, in the order in which they were written.</param>
/// <param name="Problems">What could not be read and was left out, one line each.</param>
internal sealed record RunData(string Folder, RunRecord Run, IReadOnlyList<CellRecord> Cells, IReadOnlyList<string> Problems)
{
    /// <summary>The traced pass, where it was asked for with <see cref="WithGc"/>. Only the report asks: nothing else may rest on it.</summary>
    public IReadOnlyList<GcCell> Gc { get; init; } = [];

    /// <summary>The timelines, where they were asked for with <see cref="WithTimelines"/>.</summary>
    public IReadOnlyList<TimelineRecord> Timelines { get; init; } = [];

    /// <summary>The same with the timelines; what of them cannot be read is one more problem each.</summary>
    public RunData WithTimelines()
    {
        var problems = Problems.ToList();
        var timelines = new TimelineFiles(Folder).ReadAll(problems);
        return this with { Timelines = timelines, Problems = problems };
    }

    /// <summary>The same with the traced pass; what of it cannot be read is one more problem each.</summary>
    public RunData WithGc()
    {
        var problems = Problems.ToList();
        var gc = new GcFiles(Folder).ReadAll(problems);
        return this with { Gc = gc, Problems = problems };
    }
}

/// <summary>Reads a folder that <see cref="ResultsFolder"/> wrote, whole or cut short.</summary>
internal static class RunReader
{
    public const string RunFile = "run.json";

    /// <exception cref="HarnessException">There is no run at that place, or nothing of it can be read.</exception>
    public static RunData Read(string folder)
    {
        var run = ReadRun(folder);
        var problems = new List<string>();
        if (run.Schema > RunRecord.CurrentSchema)
        {
            throw new HarnessException(ExitCode.Failed, $"'{folder}' was written by a newer harness (schema {run.Schema}, this one reads {RunRecord.CurrentSchema}); update this one");
        }
        if (run.Schema < 1)
        {
            throw new HarnessException(ExitCode.Failed, $"'{folder}' says that it has schema {run.Schema}, which never was; the first is 1, so {RunFile} was edited");
        }
        var cells = new List<CellRecord>();
        var lineNumber = 0;
        foreach (var line in CellLines.Read(folder, problems))
        {
            lineNumber++;
            if (ParseCell(line) is { } record)
            {
                cells.Add(record);
            }
            else if (line.Length > 0)
            {
                problems.Add($"{CellLines.PlainFile}:{lineNumber}: damaged, left out ({line.Length} characters; the write was cut short or the file was edited)");
            }
        }
        return new RunData(folder, run, cells, problems);
    }

    private static RunRecord ReadRun(string folder)
    {
        var path = Path.Combine(folder, RunFile);
        if (!File.Exists(path))
        {
            var what = Directory.Exists(folder) ? $"holds no {RunFile}" : "does not exist";
            throw new HarnessException(ExitCode.Usage, $"'{folder}' {what}; give a folder that harness run wrote, like results/<machine>/<date>-<matrix>-<commit>");
        }
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), ResultsJson.Document.RunRecord) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot read '{path}': {OneLine.Of(e.Message)}", e);
        }
    }

    private static CellRecord? ParseCell(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ResultsJson.Line.CellRecord);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
