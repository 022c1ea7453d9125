using System.Globalization;
using Harness.Compare;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Serve;
using Harness.Trace;

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

    /// <summary>Whether every cell is measured once more after the last round, traced.</summary>
    public bool GcPass { get; init; }

    /// <summary>Makes what traces a cell. Tests put a scripted one in its place.</summary>
    public Func<ICellTracer> NewTracer { get; init; } = () => new CellTracer();

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
        if (GcPass)
        {
            TraceSwitch.Require();
        }
        var cells = CellFilter.Select(Matrix.Cells(), Filter);
        var reader = new EnvironmentReader();
        var facts = reader.Read(RingFacts.Read(), DotnetFacts.Read());
        var pinning = Pinning.Choose(facts, reader.ShareCore);
        var record = Record(facts, pinning, cells, SeededRegression.Asked());
        record = record with { FingerprintHash = Fingerprint.Of(record).Hash };
        RequireFit(record);
        using var results = Begin(ref record, out var kept);
        var progress = Progress(cells, facts.IoUring, kept);
        foreach (var warning in record.Warnings)
        {
            progress.Say($"warning: {warning.Text}; remedy: {warning.Remedy}");
        }

        var settings = new CellSettings
        {
            Program = Program,
            Pinning = pinning,
            Duration = Matrix.Duration,
            Warmup = Matrix.Warmup,
            Ops = Matrix.Ops,
            Seed = Matrix.Seed,
        };
        var goes = new CellRunner(settings with { Duration = SaturatedRates.Duration(Matrix.Duration) });
        using var runner = new SaturatedRates(new CellRunner(settings), goes, record.SaturatedRates, (cell, rate) =>
        {
            record = record with { SaturatedRates = new Dictionary<string, double>(record.SaturatedRates) { [cell] = rate } };
            results.Write(record);
            progress.Say(string.Create(CultureInfo.InvariantCulture, $"saturated at {rate:N0} per second: {cell}"));
        });
        var matrixRunner = new MatrixRunner(Matrix, runner, results, progress, kept);
        var runnable = matrixRunner.SkipRefused(cells, facts.IoUring);
        var outcome = matrixRunner.RunAsync(runnable, stop).GetAwaiter().GetResult();
        if (GcPass && !outcome.Interrupted)
        {
            var pass = new GcPass(settings, record.SaturatedRates, NewTracer, new GcFiles(results.Path), progress);
            outcome = pass.RunAsync(GcPassCells(runnable, matrixRunner.Records), outcome, stop).GetAwaiter().GetResult();
        }
        if (Matrix.TimelinePass && !outcome.Interrupted)
        {
            var pass = new TimelinePass(settings, new TimelineFiles(results.Path), progress);
            outcome = pass.RunAsync(TimelinePass.Cells(runnable, matrixRunner.Records), outcome, stop).GetAwaiter().GetResult();
        }
        record = Ended(record, outcome, matrixRunner.Records);
        results.Write(record);
        return (outcome with { Unfit = Strict && Fitness.Faults(record.Warnings).Count > 0 }, results.Path);
    }

    // What has no figures has none to explain.
    private static Cell[] GcPassCells(IReadOnlyList<Cell> cells, IReadOnlyList<CellRecord> records) =>
        [.. cells.Where(cell => (cell.HasOurServer || cell.HasOurClient) && records.Any(record => record.Cell == cell.Id && record.Status == CellStatus.Ok))];

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
            GcPass = GcPass,
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

    private RunRecord Record(EnvironmentFacts facts, Pinning pinning, IReadOnlyList<Cell> cells, string? seeded) => new()
    {
        Matrix = Matrix.Name,
        Machine = MachineName.Of(facts),
        Commit = Checkout.Commit(),
        Build = ProgramBuild.Id,
        CommandLine = CommandLine,
        Filter = Filter,
        Brief = Brief,
        GcPass = GcPass,
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
        SeededRegression = seeded,
        Environment = facts,
        Warnings = [.. Warnings(cells, facts), .. pinning.Warnings, .. seeded is null ? [] : new[] { SeededRegression.Warning(seeded) }],
    };

    private static IReadOnlyList<Warning> Warnings(IReadOnlyList<Cell> cells, EnvironmentFacts facts) => EnvironmentWarnings.Of(
        facts,
        // Our own congestion control is forced, so the machine's default matters only to peers.
        usesTcp: cells.Any(cell => cell["transport"] != "unix" && !(cell.HasOurServer && cell.HasOurClient)),
        usesUnix: cells.Any(cell => cell["transport"] == "unix"));

    private RunProgress Progress(IReadOnlyList<Cell> cells, RingFacts ring, IReadOnlyList<CellRecord> kept)
    {
        var runnable = cells.Count(cell => MatrixRunner.Refusal(cell, ring) is null);
        int left = (runnable * Matrix.Rounds) - kept.Count(record => record.Round > 0);
        int traced = GcPass ? runnable : 0;
        int recorded = Matrix.TimelinePass
            ? cells.Count(cell => MatrixRunner.Refusal(cell, ring) is null && TimelineClient.Refusal(cell) is null)
            : 0;
        return RunProgress.Of(Messages, Math.Max(1, left + traced + recorded));
    }
}
