using System.Globalization;
using Harness.Matrix;
using Harness.Results;
using MathNet.Numerics.Statistics;

namespace Harness.Run;

/// <summary>
/// Measures cells whose rate is a share of the saturated one (<c>rate: 50%</c>): what a closed loop of the same other axes reaches, which is measured the first
/// time that it is asked for, and once per run. Other cells go straight to the runner.
/// </summary>
/// <param name="runner">Measures cells.</param>
/// <param name="goes">Measures the closed loops; shorter is good enough for these.</param>
/// <param name="known">What is known already, by the id of the closed loop's cell.</param>
/// <param name="found">Told each new one, to write it down before anything rests on it.</param>
internal sealed class SaturatedRates(
    ICellRunner runner, ICellRunner goes, IReadOnlyDictionary<string, double> known, Action<string, double> found) : ICellRunner
{
    /// <summary>Closed loops per rate, each in fresh processes; their median counts, so that one that was disturbed does not.</summary>
    public const int Goes = 3;

    private readonly Dictionary<string, double> _known = new(known);

    /// <summary>The measured part of a go: that of the matrix, but not longer than a second.</summary>
    public static TimeSpan Duration(TimeSpan ofMatrix) => ofMatrix < TimeSpan.FromSeconds(1) ? ofMatrix : TimeSpan.FromSeconds(1);

    public async Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel)
    {
        if (cell.RatePercent is not { } percent)
        {
            return await runner.RunAsync(cell, cancel);
        }
        var closed = cell.With("rate", Vocabulary.ClosedLoop);
        if (!_known.ContainsKey(closed.Id) && await FindAsync(closed, cancel) is { } trouble)
        {
            return trouble;
        }
        return await runner.RunAsync(AtRate(cell, _known), cancel);
    }

    /// <summary>The cell with its share of a saturated rate that is known as operations per second; any other cell as it is.</summary>
    public static Cell AtRate(Cell cell, IReadOnlyDictionary<string, double> known)
    {
        if (cell.RatePercent is not { } percent)
        {
            return cell;
        }
        var rate = Math.Max(1, Math.Round(known[cell.With("rate", Vocabulary.ClosedLoop).Id] * percent / 100));
        return cell.With("rate", rate.ToString("0", CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        runner.Dispose();
        goes.Dispose();
    }

    /// <summary>Null where the rate is known now; else what came of the go that failed.</summary>
    private async Task<CellOutcome?> FindAsync(Cell closed, CancellationToken cancel)
    {
        var rates = new List<double>();
        while (rates.Count < Goes)
        {
            var go = await goes.RunAsync(closed, cancel);
            if (go is not { Status: CellStatus.Ok, Load: { } load })
            {
                return new CellOutcome(go.Status, $"its saturated rate could not be measured: {go.Reason}", null, null);
            }
            rates.Add(load.Iops);
        }
        _known[closed.Id] = Math.Round(rates.Median());
        found(closed.Id, _known[closed.Id]);
        return null;
    }
}
