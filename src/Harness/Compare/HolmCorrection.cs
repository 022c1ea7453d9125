namespace Harness.Compare;

/// <summary>
/// The correction for many tests at once of Holm ("A simple sequentially rejective multiple test procedure", 1979). It bounds the chance of a single
/// false alarm in a whole comparison, however the figures hang together, and a gate needs just that: one false alarm stops a build. The procedure of
/// Benjamini and Hochberg bounds the share of false alarms among all alarms, which lets more of them through the more cells truly differ.
/// </summary>
internal static class HolmCorrection
{
    /// <summary>The p-values as they count among each other, in the order given; at most 1.</summary>
    public static double[] Adjust(IReadOnlyList<double> pValues)
    {
        var adjusted = new double[pValues.Count];
        double floor = 0;
        int left = pValues.Count;
        foreach (int index in Enumerable.Range(0, pValues.Count).OrderBy(i => pValues[i]))
        {
            // A value never counts for less than a smaller one did.
            floor = Math.Max(floor, Math.Min(1, pValues[index] * left));
            adjusted[index] = floor;
            left--;
        }
        return adjusted;
    }
}
