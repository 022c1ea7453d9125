using System.Globalization;
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

    /// <summary>How to start the program for a cell, see <see cref="HarnessProgram.Command"/>.</summary>
    public required IReadOnlyList<string> Program { get; init; }

    /// <summary>Where progress and warnings go.</summary>
    public TextWriter Messages { get; init; } = Console.Error;

    /// <param name="stop">Ends the run; what is complete is kept.</param>
    /// <returns>How it came out, and the folder.</returns>
    public (RunOutcome Outcome, string Folder) Run(CancellationToken stop)
    {
        var cells = CellFilter.Select(Matrix.Cells(), Filter);
        var reader = new EnvironmentReader();
        var facts = reader.Read(RingFacts.Read(), DotnetFacts.Read());
        var pinning = Pinning.Choose(facts, reader.ShareCore);
        var record = Record(facts, pinning, cells);
        var results = ResultsFolder.Create(ResultsRoot, record, Matrix.Text);
        var progress = Progress(cells, facts.IoUring);
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
        var matrixRunner = new MatrixRunner(Matrix, runner, results, progress);
        var runnable = matrixRunner.SkipRefused(cells, facts.IoUring);
        var outcome = matrixRunner.RunAsync(runnable, stop).GetAwaiter().GetResult();
        results.Write(record with { Finished = DateTimeOffset.UtcNow, Status = outcome.Interrupted ? RunStatus.Interrupted : RunStatus.Complete });
        return (outcome, results.Path);
    }

    private RunRecord Record(EnvironmentFacts facts, Pinning pinning, IReadOnlyList<Cell> cells) => new()
    {
        Matrix = Matrix.Name,
        Machine = MachineName.Of(facts),
        Commit = Checkout.Commit(),
        CommandLine = CommandLine,
        Seed = Matrix.Seed,
        Rounds = Matrix.Rounds,
        DurationSeconds = Matrix.Duration.TotalSeconds,
        WarmupSeconds = Matrix.Warmup.TotalSeconds,
        CellCount = cells.Count,
        Started = DateTimeOffset.UtcNow,
        Status = RunStatus.Running,
        ServerCpu = pinning.ServerCpu,
        LoadCpu = pinning.LoadCpu,
        Environment = facts,
        Warnings = [.. Warnings(cells, facts), .. pinning.Warnings],
    };

    private static IReadOnlyList<Warning> Warnings(IReadOnlyList<Cell> cells, EnvironmentFacts facts) => EnvironmentWarnings.Of(
        facts,
        usesTcp: cells.Any(cell => cell["transport"] != "unix"),
        usesUnix: cells.Any(cell => cell["transport"] == "unix"));

    private RunProgress Progress(IReadOnlyList<Cell> cells, RingFacts ring)
    {
        var terminal = Messages == Console.Error && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        var runnable = cells.Count(cell => ring.Available || !Vocabulary.NeedsRing(cell.Backend));
        return new RunProgress(Messages, terminal, terminal ? Console.WindowWidth : int.MaxValue, Math.Max(1, runnable * Matrix.Rounds));
    }
}
