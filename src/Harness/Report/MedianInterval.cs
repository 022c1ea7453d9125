namespace Harness.Report;

/// <summary>
/// Where the median lies with at least 95 % confidence: between the k-th smallest and the k-th largest figure, with the largest k for which the sign test
/// keeps that (Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3.6). Exact for independent figures of any distribution, so also for few.
/// Six figures are the fewest that allow it; with seven it is all of them, at 98.4 %.
/// </summary>
internal static class MedianInterval
{
    private const double MostOutside = 0.05;

    /// <summary>Null where there are too few figures.</summary>
    /// <param name="sorted">The figures, smallest first.</param>
    public static (double Low, double High)? Of(IReadOnlyList<double> sorted)
    {
        int leftOut = -1;
        double term = Math.Pow(0.5, sorted.Count);
        // The chance that at most so many figures lie on one side of the median, and the same again for the other side.
        for (double tail = term; 2 * tail <= MostOutside; tail += term)
        {
            leftOut++;
            term *= (sorted.Count - leftOut) / (leftOut + 1.0);
        }
        return leftOut < 0 ? null : (sorted[leftOut], sorted[sorted.Count - 1 - leftOut]);
    }
}
