using System.Diagnostics;
using System.Globalization;
using Harness.Matrix;
using Harness.Results;
using Harness.Trace;

namespace Harness.Run;

/// <summary>
/// The pass after the last round: every cell once more in fresh processes, both of them traced. The rounds are over by then and never traced, and what the
/// pass measures goes to files of its own (<see cref="GcFiles"/>), which nothing that ranks or compares reads.
/// </summary>
/// <param name="settings">How the rounds were measured.</param>
/// <param name="saturatedRates">What shares of a saturated rate are shares of; see <see cref="SaturatedRates"/>.</param>
/// <param name="newTracer">Makes what traces one cell.</param>
/// <param name="files">Where it goes; what is there is not done again.</param>
/// <param name="progress">Where it says how far it is.</param>
internal sealed class GcPass(
    CellSettings settings, IReadOnlyDictionary<string, double> saturatedRates, Func<ICellTracer> newTracer, GcFiles files, RunProgress progress)
{
    private const string Part = "gc pass";

    // Enough for the moment of a pause to be seen, and fewer than the 64 that the load generator keeps.
    private const int Intervals = 50;

    private static readonly TimeSpan s_startupGuess = TimeSpan.FromSeconds(2);

    // The traces must be open before the measured part begins, however short the rounds' warm-up is.
    private static readonly TimeSpan s_leastWarmup = TimeSpan.FromMilliseconds(500);

    private readonly CellSettings _settings = settings with
    {
        Warmup = settings.Warmup < s_leastWarmup ? s_leastWarmup : settings.Warmup,
        HlogInterval = TimeSpan.FromMilliseconds(Math.Max(1, Math.Round(settings.Duration.TotalMilliseconds / Intervals))),
    };

    /// <param name="cells">Those that have figures.</param>
    /// <param name="rounds">How the rounds came out.</param>
    /// <param name="stop">Ends the pass after the cells that are complete.</param>
    /// <returns>The same, with what became of the pass.</returns>
    public async Task<RunOutcome> RunAsync(IReadOnlyList<Cell> cells, RunOutcome rounds, CancellationToken stop)
    {
        var untraced = 0;
        try
        {
            foreach (var cell in cells.Where(cell => !files.IsDone(cell.Id)))
            {
                stop.ThrowIfCancellationRequested();
                progress.Begin(Part, cell.Id, _settings.Duration + _settings.Warmup + s_startupGuess);
                var clock = Stopwatch.StartNew();
                var record = await TraceAsync(cell, stop);
                if (record.Status != CellStatus.Ok)
                {
                    untraced++;
                    progress.Say($"not traced {cell.Id}: {record.Reason}");
                }
                progress.End(Part, cell.Id, clock.Elapsed, Summary(record));
            }
            return rounds with { Untraced = untraced };
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return rounds with { Interrupted = true };
        }
        finally
        {
            progress.Erase();
        }
    }

    private async Task<GcRecord> TraceAsync(Cell cell, CancellationToken stop)
    {
        var started = DateTimeOffset.UtcNow;
        using var tracer = newTracer();
        using var runner = new CellRunner(_settings, tracer);
        var outcome = await runner.RunAsync(SaturatedRates.AtRate(cell, saturatedRates), stop);
        GcRecord record;
        try
        {
            record = outcome is { Status: CellStatus.Ok, Load: { } load }
                ? await TracedAsync(cell, started, load, tracer, stop)
                : Not(cell, started, outcome.Reason);
        }
        catch (HarnessException e)
        {
            record = Not(cell, started, e.Message);
        }
        files.Write(record, record.Status == CellStatus.Ok ? outcome.HlogPath : null);
        return record;
    }

    private static async Task<GcRecord> TracedAsync(Cell cell, DateTimeOffset started, LoadResult load, ICellTracer tracer, CancellationToken stop)
    {
        if (load.StartedMonotonicNs is not { } startNs)
        {
            throw new HarnessException(ExitCode.Failed, "the load generator did not say when it began to measure");
        }
        var sides = await tracer.ReadAsync(startNs, startNs + (long)(load.Seconds * 1e9), stop);
        return new GcRecord
        {
            Cell = cell.Id,
            Status = CellStatus.Ok,
            Started = started,
            WindowSeconds = load.Seconds,
            Ops = load.Ops,
            LatencyUs = load.LatencyUs,
            Server = Counted(sides.GetValueOrDefault(ICellTracer.Server), load.Server),
            Client = Counted(sides.GetValueOrDefault(ICellTracer.Client), load.Client),
        };
    }

    private static GcSide? Counted(GcSide? side, SideCosts? costs) => side is null ? null : side with { GcCount = costs?.GcCount };

    private static GcRecord Not(Cell cell, DateTimeOffset started, string? reason) =>
        new() { Cell = cell.Id, Status = CellStatus.Failed, Reason = reason, Started = started };

    private static string Summary(GcRecord record) => record.Status == CellStatus.Ok
        ? string.Create(CultureInfo.InvariantCulture, $"{record.Server?.PauseCount ?? 0} pauses in the server, {record.Client?.PauseCount ?? 0} in the client")
        : "not traced";
}
