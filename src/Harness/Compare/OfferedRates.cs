using System.Globalization;
using Harness.Results;

namespace Harness.Compare;

/// <summary>
/// A rate in percent is a share of what each run found to be the saturated one, so two runs do not quite offer the same. Latency, CPU time and whatever
/// batching changes follow the load, and all rounds of a run share its one rate: where rates differ, a rank test would find that and nothing else.
/// </summary>
internal static class OfferedRates
{
    // Less than the least change that matters, in a figure that moves as the rate does.
    private const double Allowed = 0.01;

    /// <summary>Why the figures of a cell are not ranked; null where all rounds offered the same, or the rate is no percentage.</summary>
    public static string? Difference(IReadOnlyDictionary<string, string> axes, IReadOnlyList<LoadResult> loads)
    {
        if (axes.GetValueOrDefault("rate")?.EndsWith('%') != true)
        {
            return null;
        }
        double[] rates = [.. loads.Select(load => load.RateOffered).OfType<double>().Where(rate => rate > 0)];
        return rates.Length == 0 || rates.Max() <= rates.Min() * (1 + Allowed)
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"offered rates differ ({rates.Min():N0} to {rates.Max():N0} per second), and so does all that follows the load; write the rate in operations per second to compare runs");
    }
}
