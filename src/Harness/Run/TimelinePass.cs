using System.Diagnostics;
using System.Globalization;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary>
/// The pass after the last round in which our client records what its two sides do and wait for: each cell once more, in fresh processes, for a fixed number of
/// operations. The rounds are over by then, and what the pass finds goes to files of its own (<see cref="TimelineFiles"/>), which nothing that ranks or
/// compares reads.
/// </summary>
/// <param name="settings">How the rounds were measured.</param>
/// <param name="files">Where it goes; what is there is not done again.</param>
/// <param name="progress">Where it says how far it is.</param>
internal sealed class TimelinePass(CellSettings settings, TimelineFiles files, RunProgress progress)
{
    private const string Part = "timeline";

    private static readonly TimeSpan s_guess = TimeSpan.FromSeconds(2);

    /// <summary>The cells that can be recorded, of those that have figures.</summary>
    public static Cell[] Cells(IReadOnlyList<Cell> cells, IReadOnlyList<CellRecord> records) =>
        [.. cells.Where(cell => TimelineClient.Refusal(cell) is null && records.Any(record => record.Cell == cell.Id && record.Status == CellStatus.Ok))];

    /// <param name="cells">Those to record.</param>
    /// <param name="rounds">How the rounds came out.</param>
    /// <param name="stop">Ends the pass after the cells that are complete.</param>
    /// <returns>The same, with what became of the pass.</returns>
    public async Task<RunOutcome> RunAsync(IReadOnlyList<Cell> cells, RunOutcome rounds, CancellationToken stop)
    {
        try
        {
            foreach (var cell in cells.Where(cell => !files.IsDone(cell.Id)))
            {
                stop.ThrowIfCancellationRequested();
                progress.Begin(Part, cell.Id, settings.Warmup + s_guess);
                var clock = Stopwatch.StartNew();
                using var runner = new CellRunner(settings with { RecordsTimeline = true });
                var outcome = await runner.RunAsync(cell, stop);
                if (outcome.Timeline is { } document)
                {
                    files.Write(new TimelineRecord { Cell = cell.Id, Timeline = document });
                }
                else
                {
                    progress.Say($"not recorded {cell.Id}: {outcome.Reason}");
                }
                var summary = outcome.Timeline is { } done ? string.Create(CultureInfo.InvariantCulture, $"{done.Ops:N0} operations") : "not recorded";
                progress.End(Part, cell.Id, clock.Elapsed, summary);
            }
            return rounds;
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
}
