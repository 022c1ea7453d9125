using System.Globalization;

namespace HdrHistogram;

/// <summary>
/// Numbers with a fixed count of decimals, rounded as Java's <c>%.3f</c> rounds them: half up, and not the binary value itself but the shortest
/// decimal that stands for it. .NET's "F3" rounds the binary value: 1.0005, in binary a little less than that, is 1.001 here and 1.000 there.
/// </summary>
internal static class JavaDecimal
{
    public static string Format(double value, int decimals)
    {
        string format = "F" + decimals.ToString(CultureInfo.InvariantCulture);
        if (double.IsInfinity(value))
        {
            return value > 0 ? "Infinity" : "-Infinity";
        }

        // The 17 digits that a double can need fit in a decimal, unless it is beyond any figure that a 64-bit count of anything gives.
        string shortest = value.ToString("R", CultureInfo.InvariantCulture);
        return decimal.TryParse(shortest, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal exact)
            ? decimal.Round(exact, decimals, MidpointRounding.AwayFromZero).ToString(format, CultureInfo.InvariantCulture)
            : value.ToString(format, CultureInfo.InvariantCulture);
    }
}
