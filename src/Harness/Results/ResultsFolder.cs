using System.Globalization;
using System.Text.Json;

namespace Harness.Results;

/// <summary>
/// Writes one run: <c>run.json</c>, <c>matrix.yml</c>, a line of <c>cells.jsonl</c> per cell and round, and the latencies.
/// At every moment the folder is a valid one that <see cref="RunReader"/> reads: a run that is killed has lost the cell it was in, no more.
/// </summary>
internal sealed class ResultsFolder : IDisposable
{
    public const string MatrixFile = "matrix.yml";
    private const string LockFile = ".lock";

    private readonly LatencyFiles _latencies;
    private readonly FileStream _lock;

    private ResultsFolder(string path, FileStream held)
    {
        Path = path;
        _latencies = new LatencyFiles(path);
        _lock = held;
    }

    public string Path { get; }

    private string CellsPath => System.IO.Path.Combine(Path, CellLines.PlainFile);

    /// <summary>Creates <c>root/machine/date-matrix-commit</c>; where two runs begin in one second, the second gets a number.</summary>
    /// <exception cref="HarnessException">It cannot be created or written to; nothing has run yet.</exception>
    public static ResultsFolder Create(string root, RunRecord run, string matrixText)
    {
        var date = run.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
        var name = $"{date}-{MachineName.Slug(run.Matrix)}-{run.Commit}";
        var path = System.IO.Path.Combine(root, run.Machine, name);
        try
        {
            // Filled under another name first: a folder that has its own name is a whole one, at whatever moment the run is killed.
            var unfinished = System.IO.Path.Combine(root, run.Machine, $".{name}.{Environment.ProcessId}");
            Directory.CreateDirectory(unfinished);
            WriteRun(unfinished, run);
            File.WriteAllText(System.IO.Path.Combine(unfinished, MatrixFile), matrixText);
            File.WriteAllText(System.IO.Path.Combine(unfinished, CellLines.PlainFile), "");
            var free = Free(path);
            Directory.Move(unfinished, free);
            return new ResultsFolder(free, Lock(free));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var line = $"cannot create the results folder '{path}': {FileTrouble.Reason(e, path)}; choose another place with --results DIR";
            throw new HarnessException(ExitCode.Failed, line, e);
        }
    }

    /// <summary>Opens the folder of a run that was cut short, to go on with it, and cuts off a last line of <c>cells.jsonl</c> that is half written.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="HarnessException">Another process goes on with it already, or it cannot be written to.</exception>
    public static ResultsFolder Reopen(string path)
    {
        try
        {
            var folder = new ResultsFolder(path, Lock(path));
            CellLines.Unpack(path);
            folder.CutHalfLine();
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot go on with '{path}': {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <summary>Replaces <c>run.json</c> as a whole: a reader sees the old one or the new one.</summary>
    public void Write(RunRecord run) => WriteRun(Path, run);

    /// <summary>Lets go of the folder: another process may go on with it.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Adds a cell's record, and its latencies where it has some.</summary>
    /// <param name="record">What the cell came to.</param>
    /// <param name="hlogPath">The interval log of this round, with those of an open loop's other histograms beside it; null where there is none.</param>
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

    private static void WriteRun(string folder, RunRecord run)
    {
        var path = System.IO.Path.Combine(folder, RunReader.RunFile);
        File.WriteAllText(path + ".new", JsonSerializer.Serialize(run, ResultsJson.Document.RunRecord) + "\n");
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>
    /// Keeps every other runner out until this process ends, however it ends: the kernel drops the lock (flock(2)) with the
    /// descriptor. The file that a killed runner leaves means nothing.
    /// </summary>
    private static FileStream Lock(string folder)
    {
        var path = System.IO.Path.Combine(folder, LockFile);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new HarnessException(ExitCode.Failed, $"'{folder}' is being written by another harness run; wait for its end, or end it", e);
        }
    }

    /// <summary>A record is written with its line break last, so what follows the last one is a write that was cut short.</summary>
    private void CutHalfLine()
    {
        if (!File.Exists(CellsPath))
        {
            File.WriteAllText(CellsPath, "");
            return;
        }
        using var cells = new FileStream(CellsPath, FileMode.Open, FileAccess.ReadWrite);
        var end = cells.Length;
        while (end > 0)
        {
            cells.Position = end - 1;
            if (cells.ReadByte() == '\n')
            {
                break;
            }
            end--;
        }
        cells.SetLength(end);
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
