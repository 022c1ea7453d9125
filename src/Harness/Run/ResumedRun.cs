using Harness.Compare;
using Harness.Matrix;
using Harness.Results;
using Harness.Serve;

namespace Harness.Run;

/// <summary>A run that was cut short, as <c>--resume</c> finds it: what it was to measure, and under which circumstances.</summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="Record">Its <c>run.json</c>.</param>
/// <param name="Matrix">Its matrix, with the rounds that were asked for.</param>
internal sealed record ResumedRun(string Folder, RunRecord Record, MatrixDefinition Matrix)
{
    /// <exception cref="HarnessException">There is no run, or its files contradict each other.</exception>
    public static ResumedRun Open(string folder)
    {
        var record = RunReader.Read(folder).Run;
        var matrix = MatrixReader.Read(Path.Combine(folder, ResultsFolder.MatrixFile), record.Brief) with { Name = record.Matrix, Rounds = record.Rounds };
        var cells = CellFilter.Select(matrix.Cells(), record.Filter).Count;
        var same = cells == record.CellCount
            && matrix.Seed == record.Seed
            && matrix.Duration.TotalSeconds == record.DurationSeconds
            && matrix.Warmup.TotalSeconds == record.WarmupSeconds;
        return same
            ? new ResumedRun(folder, record, matrix)
            : throw new HarnessException(ExitCode.Failed, $"'{folder}' cannot be resumed: its {ResultsFolder.MatrixFile} is not the matrix that its {RunReader.RunFile} speaks of; begin a new run");
    }

    /// <summary>Refuses where the rest would be measured under other circumstances than the beginning.</summary>
    /// <param name="now">What a new run of this program here would record.</param>
    /// <exception cref="HarnessException">The message names what differs.</exception>
    public void RequireSame(RunRecord now)
    {
        var (was, here) = (Fingerprint.Of(Record), Fingerprint.Of(now));
        // A fact that only one of the two knows has changed too: it is the same program that looked.
        var differences = Fingerprint.Differences(was, here, factor: null).Concat(Fingerprint.Unknown(was, here, factor: null)).ToArray();
        if (differences.Length > 0)
        {
            var lines = differences.Select(fact => $"{fact.Fact} was '{fact.Base ?? "not known"}' and is '{fact.New ?? "not known"}'");
            throw Refusal($"its environment was another one: {string.Join("; ", lines)}; restore it");
        }
        if (Record.SeededRegression != now.SeededRegression)
        {
            var asked = Record.SeededRegression is { } kind ? $"was '{kind}'" : "was not set";
            throw Refusal($"{SeededRegression.Variable} {asked} when it began; make it so again");
        }
        if (Record.Build is { } build ? build != now.Build : Record.Commit != now.Commit)
        {
            throw Refusal($"it was measured by another build (commit {Record.Commit}, here {now.Commit}); check that one out and build it");
        }
    }

    /// <summary>Takes hold of the folder, repairs its last line, and reads what is done.</summary>
    /// <param name="done">The records that are kept.</param>
    /// <exception cref="HarnessException">Another process writes there, or a line is damaged that is not the last one.</exception>
    public ResultsFolder Reopen(out IReadOnlyList<CellRecord> done)
    {
        var results = ResultsFolder.Reopen(Folder);
        try
        {
            var data = RunReader.Read(Folder);
            done = data.Problems.Count == 0 ? data.Cells : throw Refusal($"{data.Problems[0]}; take that line out, and its cell is measured again");
            return results;
        }
        catch
        {
            results.Dispose();
            throw;
        }
    }

    private HarnessException Refusal(string why) => new(ExitCode.Failed, $"'{Folder}' cannot be resumed: {why}, or begin a new run");
}
