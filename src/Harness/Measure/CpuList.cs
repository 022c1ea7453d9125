using System.Globalization;

namespace Harness.Measure;

/// <summary>The kernel's list format of CPUs: <c>0-3,8,10-11</c>.</summary>
internal static class CpuList
{
    /// <summary>The CPUs in order; what is not a number is left out.</summary>
    public static IReadOnlyList<int> Parse(string list)
    {
        var cpus = new List<int>();
        foreach (var part in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var ends = part.Split('-');
            if (int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last))
            {
                cpus.AddRange(Enumerable.Range(first, Math.Max(0, last - first + 1)));
            }
        }
        return cpus;
    }
}
