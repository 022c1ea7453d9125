using System.Globalization;
using Harness.Compare;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;

namespace Harness.Run;

/// <summary>One <c>harness run</c> from the matrix to the finished folder.</summary>
internal sealed record RunSession
{
    public required MatrixDefinition Matrix { get; init; }
    public required string? Filter { get; init; }
    public required string ResultsRoot { get; init; }
    public required string CommandLine { get; init; }

    /// <summary>Whether <see cref="Matrix"/> is the brief form of its file.</summary>
    public bool Brief { get; init; }

    /// <summary>Whether a machine that is unfit (<see cref="Fitness"/>) fails the run, before it begins where that is known by then.</summary>
    public bool Strict { get; init; }

    /// <summary>The run to go on with, whose matrix and filter this session has; null begins a new one.</summary>
    public ResumedRun? Resumed { get; init; }

    /// <summary>How to start the program for a cell, see <see cref="HarnessProgram.Command"/>.</summary>
    public required IReadOnlyList<string> Program { get; init; }

    /// <summary>Where progress and warnings go.</summary>
    public TextWriter Messages { get; init; } = Console.Error;

    /// <param name="stop">Ends the run; what is complete is kept.</param>
    /// <returns>How it came out, and the folder.</returns>
    /// <exception cref="HarnessException">It cannot begin: the machine is unfit, the folder cannot be had, or the run cannot be resumed here.</exception>
    public (RunOutcome Outcome, string Folder) Run(CancellationToken stop)
    {
        var cells = CellFilter.Select(Matrix.Cells(), Filter);
        var reader = new EnvironmentReader();
        var facts = reader.Read(RingFacts.Read(), DotnetFacts.Read());
        var pinning = Pinning.Choose(facts, reader.ShareCore);
        var record = Record(facts, pinning, cells);
        record = record with { FingerprintHash = Fingerprint.Of(record).Hash };
        RequireFit(record);
        using var results = Begin(ref record, out var kept);
        var progress = Progress(cells, facts.IoUring, kept);
        foreach (var warning in record.Warnings)
        {
            progress.Say($"warning: {warning.Text}; remedy: {warning.Remedy}");
        }

        using var runner = new CellRunner(new CellSettings
        {
            Program = Program,
            Pinning = pinning,
            Duration = Matrix.Duration,
            Warmup = Matrix.Warmup,
            Seed = Matrix.Seed,
        });
        var matrixRunner = new MatrixRunner(Matrix, runner, results, progress, kept);
        var runnable = matrixRunner.SkipRefused(cells, facts.IoUring);
        var outcome = matrixRunner.RunAsync(runnable, stop).GetAwaiter().GetResult();
        record = Ended(record, outcome, matrixRunner.Records);
        results.Write(record);
        return (outcome with { Unfit = Strict && Fitness.Faults(record.Warnings).Count > 0 }, results.Path);
    }

    private ResultsFolder Begin(ref RunRecord record, out IReadOnlyList<CellRecord> kept)
    {
        if (Resumed is null)
        {
            kept = [];
            return ResultsFolder.Create(ResultsRoot, record, Matrix.Text);
        }
        Resumed.RequireSame(record);
        var results = Resumed.Reopen(out kept);
        record = Resumed.Record with
        {
            Status = RunStatus.Running,
            Finished = null,
            Resumed = [.. Resumed.Record.Resumed, record.Started],
            // Those of its cells are gathered anew at the end, and what the machine warned of then or warns of now holds for a part of the run.
            Warnings =
            [
                .. Resumed.Record.Warnings.Concat(record.Warnings)
                    .DistinctBy(warning => warning.Id)
                    .Where(warning => !SpoiledCell.Ids.Contains(warning.Id)),
            ],
        };
        results.Write(record);
        return results;
    }

    private static RunRecord Ended(RunRecord record, RunOutcome outcome, IReadOnlyList<CellRecord> cells) => record with
    {
        Finished = DateTimeOffset.UtcNow,
        Status = outcome.Interrupted ? RunStatus.Interrupted : RunStatus.Complete,
        Warnings = [.. record.Warnings, .. SpoiledCell.Summary([.. cells.Where(cell => cell.Status == CellStatus.Ok).Select(cell => cell.Warnings)])],
    };

    private void RequireFit(RunRecord record)
    {
        var faults = Strict ? Fitness.Faults(record.Warnings) : [];
        if (faults.Count > 0)
        {
            var lines = string.Join("; ", faults.Select(fault => $"{fault.Text} (remedy: {fault.Remedy})"));
            throw new HarnessException(ExitCode.Unfit, $"this machine is unfit, and --strict was asked for: {lines}");
        }
    }

    private RunRecord Record(EnvironmentFacts facts, Pinning pinning, IReadOnlyList<Cell> cells) => new()
    {
        Matrix = Matrix.Name,
        Machine = MachineName.Of(facts),
        Commit = Checkout.Commit(),
        Build = ProgramBuild.Id,
        CommandLine = CommandLine,
        Filter = Filter,
        Brief = Brief,
        Seed = Matrix.Seed,
        Rounds = Matrix.Rounds,
        DurationSeconds = Matrix.Duration.TotalSeconds,
        WarmupSeconds = Matrix.Warmup.TotalSeconds,
        CellCount = cells.Count,
        Started = DateTimeOffset.UtcNow,
        Status = RunStatus.Running,
        ServerCpu = pinning.ServerCpu,
        LoadCpu = pinning.LoadCpu,
        TcpCongestionControl = TcpCongestion.Forced,
        Environment = facts,
        Warnings = [.. Warnings(cells, facts), .. pinning.Warnings],
    };

    private static IReadOnlyList<Warning> Warnings(IReadOnlyList<Cell> cells, EnvironmentFacts facts) => EnvironmentWarnings.Of(
        facts,
        // Our own congestion control is forced, so the machine's default matters only to peers.
        usesTcp: cells.Any(cell => cell["transport"] != "unix" && !(cell.HasOurServer && cell.HasOurClient)),
        usesUnix: cells.Any(cell => cell["transport"] == "unix"));

    private RunProgress Progress(IReadOnlyList<Cell> cells, RingFacts ring, IReadOnlyList<CellRecord> kept)
    {
        var terminal = Messages == Console.Error && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        var runnable = cells.Count(cell => MatrixRunner.Refusal(cell, ring) is null);
        int left = (runnable * Matrix.Rounds) - kept.Count(record => record.Round > 0);
        return new RunProgress(Messages, terminal, terminal ? Console.WindowWidth : int.MaxValue, Math.Max(1, left));
    }
}
