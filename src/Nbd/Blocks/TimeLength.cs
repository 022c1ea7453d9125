using System.Globalization;

namespace Harness.Nbd;

/// <summary>Lengths of time as people write them: <c>50us</c>, <c>1.5ms</c>, <c>3s</c>. The unit is not optional.</summary>
public static class TimeLength
{
    /// <summary>The longest that is read: a day.</summary>
    public const long MaxNs = 86_400_000_000_000;

    private static readonly (string Unit, long Ns)[] s_units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

    /// <summary>Reads a time.</summary>
    /// <param name="text">For example <c>1ms</c>.</param>
    /// <param name="ns">Nanoseconds; what is finer is cut off.</param>
    /// <returns>False where the text is no time, has no unit, or is longer than a day.</returns>
    public static bool TryParse(string text, out long ns)
    {
        ns = 0;
        int digits = text.AsSpan().IndexOfAnyExcept("0123456789.");
        long unit = digits < 0 ? 0 : Array.Find(s_units, candidate => candidate.Unit == text[digits..]).Ns;
        if (unit == 0
            || !decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal count)
            || count > (decimal)MaxNs / unit)
        {
            return false;
        }

        ns = (long)(count * unit);
        return true;
    }

    /// <summary>In the largest unit of which it is at least one, to three digits behind the point.</summary>
    public static string Format(long ns)
    {
        (string name, long factor) = Array.Find(s_units, unit => ns >= unit.Ns) is { Unit: not null } found ? found : ("ns", 1);
        return string.Create(CultureInfo.InvariantCulture, $"{(decimal)ns / factor:0.###}{name}");
    }
}
