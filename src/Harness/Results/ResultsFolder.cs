using System.Globalization;
using System.Text.Json;

namespace Harness.Results;

/// <summary>
/// Writes one run: <c>run.json</c>, <c>matrix.yml</c>, a line of <c>cells.jsonl</c> per cell and round, and the latencies.
/// At every moment the folder is a valid one that <see cref="RunReader"/> reads: a run that is killed has lost the cell it was in, no more.
/// </summary>
internal sealed class ResultsFolder
{
    private readonly LatencyFiles _latencies;

    private ResultsFolder(string path)
    {
        Path = path;
        _latencies = new LatencyFiles(path);
    }

    public string Path { get; }

    private string CellsPath => System.IO.Path.Combine(Path, RunReader.CellsFile);

    /// <summary>Creates <c>root/machine/date-matrix-commit</c>; where two runs begin in one second, the second gets a number.</summary>
    /// <exception cref="HarnessException">It cannot be created or written to; nothing has run yet.</exception>
    public static ResultsFolder Create(string root, RunRecord run, string matrixText)
    {
        var date = run.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
        var path = System.IO.Path.Combine(root, run.Machine, $"{date}-{MachineName.Slug(run.Matrix)}-{run.Commit}");
        try
        {
            var folder = new ResultsFolder(Free(path));
            Directory.CreateDirectory(folder.Path);
            folder.Write(run);
            File.WriteAllText(System.IO.Path.Combine(folder.Path, "matrix.yml"), matrixText);
            File.WriteAllText(folder.CellsPath, "");
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var line = $"cannot create the results folder '{path}': {FileTrouble.Reason(e, path)}; choose another place with --results DIR";
            throw new HarnessException(ExitCode.Failed, line, e);
        }
    }

    /// <summary>Replaces <c>run.json</c> as a whole: a reader sees the old one or the new one.</summary>
    public void Write(RunRecord run)
    {
        var path = System.IO.Path.Combine(Path, RunReader.RunFile);
        File.WriteAllText(path + ".new", JsonSerializer.Serialize(run, ResultsJson.Document.RunRecord) + "\n");
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>Adds a cell's record, and its latencies where it has some.</summary>
    /// <param name="record">What the cell came to.</param>
    /// <param name="hlogPath">The interval log of this round; null where there is none.</param>
    /// <exception cref="HarnessException">The disk is full, or the folder is gone.</exception>
    public void Append(CellRecord record, string? hlogPath)
    {
        try
        {
            if (hlogPath is not null)
            {
                _latencies.AddRound(record.Cell, record.Round, hlogPath);
            }
            // The record goes last: a cell that is listed has its latencies.
            File.AppendAllText(CellsPath, JsonSerializer.Serialize(record, ResultsJson.Line.CellRecord) + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write to the results folder '{Path}': {e.Message.TrimEnd('.')}; what it holds so far can be read by harness report", e);
        }
    }

    private static string Free(string path)
    {
        var free = path;
        for (var n = 2; Directory.Exists(free); n++)
        {
            free = string.Create(CultureInfo.InvariantCulture, $"{path}-{n}");
        }
        return free;
    }
}
