using System.Diagnostics;
using System.Globalization;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;

namespace Harness.Run;

/// <summary>How a run came out.</summary>
/// <param name="Ok">Measurements that count.</param>
/// <param name="Failed">Measurements that do not.</param>
/// <param name="Interrupted">Whether it was stopped before its end.</param>
internal sealed record RunOutcome(int Ok, int Failed, bool Interrupted)
{
    /// <summary>Whether <c>--strict</c> was asked for, and something made the figures unfit.</summary>
    public bool Unfit { get; init; }

    /// <summary>Cells that were to be traced after the rounds and could not be; their rounds count all the same.</summary>
    public int Untraced { get; init; }

    public ExitCode ExitCode => (Ok, Failed, Interrupted) switch
    {
        _ when Untraced > 0 => ExitCode.Failed,
        (_, _, true) or (_, > 0, _) => ExitCode.Failed,
        (0, 0, _) => ExitCode.NothingCouldRun,
        _ when Unfit => ExitCode.Unfit,
        _ => ExitCode.Done,
    };
}

/// <summary>Goes through the rounds of a matrix, one cell at a time, and writes each down before the next begins.</summary>
/// <param name="matrix">What is measured.</param>
/// <param name="runner">How a cell is.</param>
/// <param name="results">Where records go.</param>
/// <param name="progress">Where it says how far it is.</param>
/// <param name="kept">The records that the folder has already, of a run that is resumed; they are not measured again, and count.</param>
internal sealed class MatrixRunner(MatrixDefinition matrix, ICellRunner runner, ResultsFolder results, RunProgress progress, IReadOnlyList<CellRecord> kept)
{
    // Two .NET processes starting, on top of what they measure; only the first ETA rests on it.
    private static readonly TimeSpan StartupGuess = TimeSpan.FromSeconds(1);

    private readonly HashSet<(string Cell, int Round)> _done = [.. kept.Select(record => (record.Cell, record.Round))];
    private readonly List<CellRecord> _records = [.. kept];
    private int _ok = kept.Count(record => record.Status == CellStatus.Ok);
    private int _failed = kept.Count(record => record.Status == CellStatus.Failed);

    /// <summary>All records of the folder.</summary>
    public IReadOnlyList<CellRecord> Records => _records;

    /// <param name="cells">The cells that can run.</param>
    /// <param name="stop">Ends the run after the records that are complete.</param>
    public async Task<RunOutcome> RunAsync(IReadOnlyList<Cell> cells, CancellationToken stop)
    {
        try
        {
            for (var round = 1; round <= matrix.Rounds; round++)
            {
                foreach (var cell in Interleave.Round(cells, matrix.Seed, round).Where(cell => !_done.Contains((cell.Id, round))))
                {
                    await RunCellAsync(cell, round, stop);
                }
            }
            return new RunOutcome(_ok, _failed, Interrupted: false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new RunOutcome(_ok, _failed, Interrupted: true);
        }
        finally
        {
            progress.Erase();
        }
    }

    /// <summary>Writes down, by name, the cells that cannot run here.</summary>
    /// <param name="cells">All cells.</param>
    /// <param name="ring">What io_uring allows.</param>
    /// <returns>The cells that can.</returns>
    public IReadOnlyList<Cell> SkipRefused(IReadOnlyList<Cell> cells, RingFacts ring)
    {
        var runnable = new List<Cell>();
        foreach (var cell in cells)
        {
            if (Refusal(cell, ring) is not { } reason)
            {
                runnable.Add(cell);
            }
            else if (!_done.Contains((cell.Id, 0)))
            {
                Append(Record(cell, 0, new CellOutcome(CellStatus.Skipped, reason, null, null), DateTimeOffset.UtcNow, TimeSpan.Zero), null);
                progress.Say($"skipped {cell.Id}: {reason}");
            }
        }
        return runnable;
    }

    /// <summary>Why a cell cannot run here, as far as that is known before it is tried; null where it may.</summary>
    public static string? Refusal(Cell cell, RingFacts ring) =>
        cell.NeedsRing && !ring.Available ? $"io_uring is refused: {ring.Refusal}"
        : cell["mitigations"] != Vocabulary.Mitigations[0] ? $"this kernel is booted already; harness kernels run boots one with mitigations={cell["mitigations"]}"
        : cell.IsBare ? BareRefusal.Of(cell)
        : OwnServer.Refusal(cell) ?? Peers.Refusal(cell);

    private async Task RunCellAsync(Cell cell, int round, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        progress.Begin(round, cell.Id, matrix.Duration + matrix.Warmup + StartupGuess);
        var started = DateTimeOffset.UtcNow;
        var clock = Stopwatch.StartNew();
        var outcome = await runner.RunAsync(cell, stop);
        Append(Record(cell, round, outcome, started, clock.Elapsed), outcome.HlogPath);
        if (outcome.Status == CellStatus.Ok)
        {
            _ok++;
        }
        else
        {
            _failed += outcome.Status == CellStatus.Failed ? 1 : 0;
            progress.Say($"{outcome.Status.ToString().ToLowerInvariant()} {cell.Id} round {round}: {outcome.Reason}");
        }
        foreach (var warning in outcome.Warnings)
        {
            progress.Say($"warning: {cell.Id} round {round}: {warning.Text}; remedy: {warning.Remedy}");
        }
        progress.End(round, cell.Id, clock.Elapsed, Summary(outcome));
    }

    private void Append(CellRecord record, string? hlogPath)
    {
        results.Append(record, hlogPath);
        _records.Add(record);
    }

    private static CellRecord Record(Cell cell, int round, CellOutcome outcome, DateTimeOffset started, TimeSpan spent) => new()
    {
        Cell = cell.Id,
        Round = round,
        Status = outcome.Status,
        Reason = outcome.Reason,
        Started = started,
        Seconds = Math.Round(spent.TotalSeconds, 3),
        Axes = cell.Values,
        ServerPeer = outcome.ServerPeer,
        ClientPeer = outcome.ClientPeer,
        Load = outcome.Load,
        Disturbance = outcome.Disturbance,
        Warnings = outcome.Warnings,
    };

    private static string Summary(CellOutcome outcome) => outcome is { Status: CellStatus.Ok, Load: { } load }
        ? string.Create(CultureInfo.InvariantCulture, $"{load.Iops:0} iops{(load.LatencyUs is { } latency ? $", p99 {latency.P99:0.#} µs" : "")}")
        : outcome.Status.ToString().ToLowerInvariant();
}
