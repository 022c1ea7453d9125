using Harness.Results;

namespace Harness.Compare;

/// <summary>
/// One side of a comparison: a run, or several that share a fingerprint and count as one with all their rounds. Several come about when two builds
/// are measured in turns, one round of this, one round of that.
/// </summary>
internal sealed record RunPool
{
    // A machine's folder below the one that was given, and the run in it.
    private const int Depth = 2;

    public required IReadOnlyList<RunData> Runs { get; init; }
    public required Fingerprint Fingerprint { get; init; }

    public IEnumerable<CellRecord> Records => Runs.SelectMany(run => run.Cells);

    public IEnumerable<string> Problems => Runs.SelectMany(run => run.Problems.Select(problem => $"{run.Folder}: {problem}"));

    /// <summary>Reads a run's folder, or all runs in a folder of runs.</summary>
    /// <exception cref="HarnessException">There is no run, it cannot be read, or the runs do not go together.</exception>
    public static RunPool Read(string folder)
    {
        RunData[] runs = [.. RunFolders(folder).Select(ReadChecked)];
        var first = Fingerprint.Of(runs[0].Run);
        foreach (var run in runs)
        {
            if (Fingerprint.Differences(first, Fingerprint.Of(run.Run), null) is [var difference, ..])
            {
                string line = $"the runs in '{folder}' do not go together: {difference.Fact} is '{difference.Base}' in {Path.GetFileName(runs[0].Folder)} "
                    + $"and '{difference.New}' in {Path.GetFileName(run.Folder)}; give one run, or runs of one machine and one matrix";
                throw new HarnessException(ExitCode.Usage, line);
            }
            if (run.Run.SeededRegression != runs[0].Run.SeededRegression)
            {
                throw new HarnessException(ExitCode.Usage, $"the runs in '{folder}' do not go together: some have a seeded regression that others have not; keep them apart");
            }
        }
        return new RunPool { Runs = runs, Fingerprint = first };
    }

    /// <summary>The folders of runs at a place and below it, in the order of their names, which begin with the date.</summary>
    public static IReadOnlyList<string> RunFolders(string folder)
    {
        if (!Directory.Exists(folder) || IsRun(folder))
        {
            return [folder];
        }
        try
        {
            string[] found = [.. Below(folder, Depth).Where(IsRun).OrderBy(Path.GetFileName, StringComparer.Ordinal)];
            // The reader says best what is missing from a folder without runs.
            return found.Length == 0 ? [folder] : found;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot look for runs in '{folder}': {e.Message}", e);
        }
    }

    private static bool IsRun(string folder) => File.Exists(Path.Combine(folder, RunReader.RunFile));

    private static IEnumerable<string> Below(string folder, int depth) =>
        depth == 0 ? [] : Directory.GetDirectories(folder).SelectMany(child => Below(child, depth - 1).Prepend(child));

    // A round that stands there twice would count twice, and one that never was is somebody's edit.
    private static RunData ReadChecked(string folder)
    {
        var run = RunReader.Read(folder);
        var seen = new HashSet<(string, int)>();
        var problems = new List<string>(run.Problems);
        var cells = new List<CellRecord>();
        foreach (var record in run.Cells)
        {
            if (Flaw(record) is { } flaw)
            {
                problems.Add($"{CellLines.PlainFile}: {record.Cell} round {record.Round} {flaw}, left out");
            }
            else if (!seen.Add((record.Cell, record.Round)))
            {
                problems.Add($"{CellLines.PlainFile}: {record.Cell} round {record.Round} is there twice, the later one left out");
            }
            else
            {
                cells.Add(record);
            }
        }
        return run with { Cells = cells, Problems = problems };
    }

    private static string? Flaw(CellRecord record) => record switch
    {
        { Status: CellStatus.Ok, Load: null } => "has no figures though it is ok",
        { Status: CellStatus.Ok, Load: { Ops: <= 0 } } => "counts no operations though it is ok",
        { Status: CellStatus.Ok, Load: { Iops: not (> 0 and < double.PositiveInfinity) } } => "has a speed that is no number above zero",
        _ => null,
    };
}
