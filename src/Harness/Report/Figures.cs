using System.Globalization;

namespace Harness.Report;

/// <summary>Numbers as text, with as many digits as mean something. A figure that could not be had is a dash.</summary>
internal static class Figures
{
    public const string None = "-";

    /// <summary>A count with separators: <c>123,456</c>.</summary>
    public static string Count(double? value) => value is { } v ? v.ToString("N0", CultureInfo.InvariantCulture) : None;

    /// <summary>Three digits that mean something: <c>0.012</c>, <c>1.23</c>, <c>12.3</c>, <c>1234</c>; a true zero is <c>0</c>.</summary>
    public static string Short(double? value) => value switch
    {
        null => None,
        0 => "0",
        { } v => v.ToString(Math.Abs(v) switch { >= 99.95 => "0", >= 9.995 => "0.0", >= 0.9995 => "0.00", _ => "0.000" }, CultureInfo.InvariantCulture),
    };

    /// <summary>Server and client: <c>1.2/3.4</c>; one dash where neither is known.</summary>
    public static string Pair(double? server, double? client) => server is null && client is null ? None : $"{Short(server)}/{Short(client)}";

    /// <summary>A ratio and, where there was more than one round, its spread: <c>1.23 1.20..1.25</c>.</summary>
    public static string Ratio(Spread? ratio)
    {
        if (ratio is null)
        {
            return None;
        }
        var median = ratio.Median.ToString("0.00", CultureInfo.InvariantCulture);
        return ratio.Min == ratio.Max ? median : string.Create(CultureInfo.InvariantCulture, $"{median} {ratio.Min:0.00}..{ratio.Max:0.00}");
    }
}
