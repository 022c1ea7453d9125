namespace Harness.Kernels.Hunt;

/// <summary>What is thought of a version.</summary>
internal enum BisectVerdict
{
    /// <summary>On the side of GOOD.</summary>
    Good,

    /// <summary>On the side of BAD.</summary>
    Bad,

    /// <summary>It could not be measured, so nothing is known of it.</summary>
    Skipped,
}

/// <summary>
/// Finds between two ends the neighbours at which a figure changes sides, by halving. The first of the versions is good and the last is bad; one that cannot be
/// measured is left out, and the untried one nearest to the middle takes its place, as git-bisect(1) does it.
/// </summary>
/// <param name="count">How many versions there are, both ends among them; 2 or more.</param>
/// <param name="measure">Measures one, by its place; null where it cannot be measured. Called once for each.</param>
/// <param name="thresholdPercent">
/// By how much a figure must differ from the good end's, in the bad end's direction, to be bad; null is half of the way there.
/// </param>
internal sealed class Bisection(int count, Func<int, double?> measure, double? thresholdPercent)
{
    private readonly SortedDictionary<int, double?> _figures = [];

    /// <summary>The last that is known to be good.</summary>
    public int LastGood { get; private set; }

    /// <summary>The first that is known to be bad.</summary>
    public int FirstBad { get; private set; } = count - 1;

    /// <summary>Those that were measured, or could not be, by place.</summary>
    public IReadOnlyDictionary<int, double?> Figures => _figures;

    /// <summary>Those between the two that nobody has tried yet.</summary>
    public int Left => Untried().Count();

    /// <summary>Measures the ends.</summary>
    /// <returns>The ratio of the bad end to the good one; null where one of them cannot be measured.</returns>
    public double? MeasureEnds() => (Measure(0), Measure(count - 1)) is ({ } good, { } bad) ? bad / good : null;

    /// <summary>Whether the ends are apart at all: by the threshold, or where there is none by the least that is ever taken for a difference.</summary>
    /// <param name="leastPercent">That least.</param>
    public bool EndsDiffer(double leastPercent) => 100 * Math.Abs((_figures[count - 1]!.Value / _figures[0]!.Value) - 1) > (thresholdPercent ?? leastPercent);

    /// <summary>Measures one version more, after the ends have been.</summary>
    /// <returns>Its place; null where there is none left, and the search is over.</returns>
    public int? Step()
    {
        double middle = (LastGood + FirstBad) / 2.0;
        int[] untried = [.. Untried().OrderBy(place => Math.Abs(place - middle))];
        if (untried.Length == 0)
        {
            return null;
        }
        int place = untried[0];
        Measure(place);
        switch (VerdictOf(place))
        {
            case BisectVerdict.Good:
                LastGood = place;
                break;
            case BisectVerdict.Bad:
                FirstBad = place;
                break;
            default:
                break;
        }
        return place;
    }

    /// <summary>What is thought of a version that was tried.</summary>
    public BisectVerdict VerdictOf(int place)
    {
        if (_figures[place] is not { } figure)
        {
            return BisectVerdict.Skipped;
        }
        double good = _figures[0]!.Value;
        double way = _figures[count - 1]!.Value - good;
        double limit = thresholdPercent is { } percent ? good * percent / 100 : Math.Abs(way) / 2;
        return (figure - good) * Math.Sign(way) > limit ? BisectVerdict.Bad : BisectVerdict.Good;
    }

    private IEnumerable<int> Untried() => Enumerable.Range(LastGood + 1, Math.Max(0, FirstBad - LastGood - 1)).Where(place => !_figures.ContainsKey(place));

    private double? Measure(int place) => _figures[place] = measure(place);
}
