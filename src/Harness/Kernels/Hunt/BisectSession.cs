using System.Globalization;

namespace Harness.Kernels.Hunt;

/// <summary>What measuring one version came to.</summary>
/// <param name="Figure">Null where it could not be measured.</param>
/// <param name="Reason">Why it could not be.</param>
/// <param name="Folder">Its run.</param>
/// <param name="FromResults">Whether that run was there before.</param>
internal sealed record BisectMeasurement(KernelFigure? Figure, string? Reason, string? Folder = null, bool FromResults = false)
{
    public double? Instructions => Figure?.InstructionsPerOp;
}

/// <summary>One <c>harness kernels bisect</c>: asks for versions until the two neighbours are known.</summary>
/// <param name="cell">The cell's id.</param>
/// <param name="versions">From GOOD to BAD.</param>
/// <param name="measure">Fetches and measures one.</param>
/// <param name="say">Told what each came to.</param>
internal sealed class BisectSession(
    string cell, IReadOnlyList<KernelCandidate> versions, Func<KernelCandidate, BisectMeasurement> measure, Action<string> say)
{
    // What boots of one kernel may differ by; see harness compare.
    private const double LeastPercent = 0.2;

    private readonly Dictionary<int, BisectMeasurement> _measurements = [];

    /// <param name="thresholdPercent">As in <see cref="Bisection"/>.</param>
    /// <param name="stop">Ends it between two versions; what was measured is kept.</param>
    /// <exception cref="HarnessException">An end could not be measured.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public BisectDocument Run(double? thresholdPercent, CancellationToken stop)
    {
        var search = new Bisection(versions.Count, Measure, thresholdPercent);
        if (search.MeasureEnds() is null)
        {
            int end = _measurements[0].Figure is null ? 0 : versions.Count - 1;
            throw new HarnessException(
                ExitCode.Failed, $"{(end == 0 ? "GOOD" : "BAD")}, {versions[end].Release}, cannot be measured: {_measurements[end].Reason}; give another kernel");
        }
        Say(search, 0);
        Say(search, versions.Count - 1);
        if (!search.EndsDiffer(LeastPercent))
        {
            return Document(search, thresholdPercent, found: false);
        }
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            if (search.Step() is not { } place)
            {
                return Document(search, thresholdPercent, found: true);
            }
            Say(search, place);
        }
    }

    private double? Measure(int place) => (_measurements[place] = measure(versions[place])).Instructions;

    private void Say(Bisection search, int place)
    {
        BisectMeasurement measurement = _measurements[place];
        string came = measurement.Instructions is { } instructions
            ? string.Create(CultureInfo.InvariantCulture, $"{instructions:N1} instructions per operation, {search.VerdictOf(place).ToString().ToLowerInvariant()}")
            : $"skipped: {measurement.Reason}";
        string left = search.Left switch
        {
            0 => "",
            var some => $"; {some} left, about {Math.Ceiling(Math.Log2(some + 1)):0} to measure",
        };
        say($"{versions[place].Release}: {came}{(measurement.FromResults ? ", from results" : "")}{left}");
    }

    private BisectDocument Document(Bisection search, double? thresholdPercent, bool found) => new()
    {
        Cell = cell,
        ThresholdPercent = thresholdPercent,
        LastGood = found ? versions[search.LastGood].Release : null,
        FirstBad = found ? versions[search.FirstBad].Release : null,
        Ratio = found ? search.Figures[search.FirstBad] / search.Figures[search.LastGood] : null,
        Skipped = found ? [.. Enumerable.Range(search.LastGood + 1, search.FirstBad - search.LastGood - 1).Select(place => versions[place].Release)] : [],
        Kernels = [.. _measurements.OrderBy(measurement => measurement.Key).Select(measurement => new BisectKernel
        {
            Release = versions[measurement.Key].Release,
            Version = versions[measurement.Key].Version,
            Suite = versions[measurement.Key].Suite,
            Verdict = search.VerdictOf(measurement.Key),
            Figure = measurement.Value.Figure,
            Reason = measurement.Value.Reason,
            Folder = measurement.Value.Folder,
            FromResults = measurement.Value.FromResults,
        })],
    };
}
