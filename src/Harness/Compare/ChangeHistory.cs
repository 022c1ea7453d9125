using Harness.Results;
using MathNet.Numerics.Statistics;

namespace Harness.Compare;

/// <summary>
/// Finds where figures changed over many runs of one matrix on one machine. Invariant figures step where two runs in a row differ
/// (<see cref="InvariantJudge"/>); the others where <see cref="EDivisive"/> finds a new level that differs by the minimum effect.
/// </summary>
internal sealed class ChangeHistory
{
    // The search takes time with the square of the runs, and a change of a hundred runs ago has been found before.
    private const int MostRuns = 100;

    private readonly double _minEffect;
    private readonly string? _factor;
    private readonly List<string> _notes = [];
    private readonly List<HistoryChange> _changes = [];
    private readonly List<HistoryRun> _runs = [];
    private bool _enoughRuns;

    private ChangeHistory(double minEffect, string? factor)
    {
        _minEffect = minEffect;
        _factor = factor;
    }

    /// <exception cref="HarnessException">There is no run below the folder.</exception>
    public static HistoryDocument Read(string folder, double minEffect, string? factor)
    {
        var history = new ChangeHistory(minEffect, factor);
        foreach (var matrix in history.ReadRuns(folder).GroupBy(pool => pool.Runs[0].Run.Matrix))
        {
            history.Search([.. matrix.OrderBy(pool => pool.Runs[0].Run.Started)]);
        }
        return new HistoryDocument
        {
            Folder = folder,
            MinEffect = minEffect,
            Runs = history._runs,
            Changes = [.. history._changes.OrderBy(change => change.First.Started).ThenByDescending(change => change.Verdict)],
            Notes = history._notes,
            EnoughRuns = history._enoughRuns,
        };
    }

    private List<RunPool> ReadRuns(string folder)
    {
        var runs = new List<RunPool>();
        IReadOnlyList<string> folders = RunPool.RunFolders(folder);
        foreach (string run in folders)
        {
            try
            {
                var pool = RunPool.Read(run);
                if (pool.Runs[0].Run.SeededRegression is { } seeded)
                {
                    _notes.Add($"left out: {run} has a seeded regression, {seeded}");
                    continue;
                }
                runs.Add(pool);
                _notes.AddRange(runs[^1].Problems.Select(problem => $"damaged: {problem}"));
            }
            catch (HarnessException e) when (folders.Count > 1)
            {
                // One bad folder among many must not hide the others.
                _notes.Add($"left out: {OneLine.Of(e.Message)}");
            }
        }
        return runs;
    }

    private void Search(List<RunPool> pools)
    {
        string matrix = pools[^1].Runs[0].Run.Matrix;
        List<RunPool> alike = [.. pools.Where(pool => Fingerprint.Differences(pool.Fingerprint, pools[^1].Fingerprint, _factor).Count == 0)];
        if (pools.FirstOrDefault(pool => !alike.Contains(pool)) is { } other)
        {
            var difference = Fingerprint.Differences(other.Fingerprint, pools[^1].Fingerprint, _factor)[0];
            _notes.Add($"left out: {pools.Count - alike.Count} runs of {matrix} with another fingerprint than the last one: "
                + $"{difference.Fact} was '{difference.Base}' in {other.Runs[0].Folder}, and is '{difference.New}'");
        }
        alike = alike[Math.Max(0, alike.Count - MostRuns)..];
        if (alike.Count < EDivisive.LeastValues)
        {
            _notes.Add($"{matrix}: {alike.Count} comparable runs; what is judged over rounds takes {EDivisive.LeastValues}, so only invariant figures are looked at");
        }
        _enoughRuns |= alike.Count >= 2;
        _runs.AddRange(alike.Select(Named));
        foreach (var cell in alike.SelectMany(pool => pool.Records).DistinctBy(record => record.Cell))
        {
            SearchCell(cell, alike);
        }
    }

    private void SearchCell(CellRecord cell, List<RunPool> pools)
    {
        var points = pools.Select(pool => new Point(Named(pool), Loads(pool, cell.Cell))).Where(point => point.Loads.Length > 0).ToList();
        foreach (var figure in FigureCatalog.Of(cell.Axes, [.. points.SelectMany(point => point.Loads)]))
        {
            var series = points.Where(point => point.Loads.All(load => figure.Read(load) is not null && figure.NotRanked(load) is null)).ToList();
            var found = figure.Kind == FigureKind.Invariant ? Steps(figure, series) : Levels(figure, series);
            _changes.AddRange(found.Select(change => change with { Matrix = pools[0].Runs[0].Run.Matrix, Cell = cell.Cell }));
        }
    }

    private static IEnumerable<HistoryChange> Steps(Figure figure, List<Point> series)
    {
        for (int i = 1; i < series.Count; i++)
        {
            var result = InvariantJudge.Judge(figure, series[i - 1].Loads, series[i].Loads);
            if (result.Verdict is Verdict.Better or Verdict.Worse)
            {
                yield return Change(figure, series, i, result.Base!.Value, result.New!.Value);
            }
        }
    }

    private IEnumerable<HistoryChange> Levels(Figure figure, List<Point> series)
    {
        double[] medians = [.. series.Select(point => Rounds.Of(figure, point.Loads).Median)];
        int[] ends = [0, .. EDivisive.ChangePoints(medians), medians.Length];
        for (int i = 1; i < ends.Length - 1; i++)
        {
            double before = medians[ends[i - 1]..ends[i]].Median();
            double after = medians[ends[i]..ends[i + 1]].Median();
            double low = Math.Min(before, after);
            if (Math.Max(before, after) > Math.Max(low * (1 + _minEffect), low + figure.LeastChange))
            {
                yield return Change(figure, series, ends[i], before, after);
            }
        }
    }

    private static HistoryChange Change(Figure figure, List<Point> series, int at, double before, double after) => new()
    {
        Matrix = "",
        Cell = "",
        Figure = figure.Name,
        Kind = figure.Kind,
        Verdict = after > before == figure.HigherIsBetter ? Verdict.Better : Verdict.Worse,
        Last = series[at - 1].Run,
        First = series[at].Run,
        Before = before,
        After = after,
        Ratio = before > 0 ? after / before : null,
    };

    private static HistoryRun Named(RunPool pool) => new(pool.Runs[0].Folder, pool.Runs[0].Run.Matrix, pool.Runs[0].Run.Commit, pool.Runs[0].Run.Started);

    private static LoadResult[] Loads(RunPool pool, string cell) =>
        [.. pool.Records.Where(record => record.Cell == cell && record.Status == CellStatus.Ok).Select(record => record.Load!)];

    private sealed record Point(HistoryRun Run, LoadResult[] Loads);
}
