using System.Globalization;

namespace Harness.Nbd;

/// <summary>Sizes as people write them: <c>512</c>, <c>4k</c>, <c>1M</c>, <c>1G</c>, <c>2T</c>, in powers of 1024.</summary>
public static class ByteSize
{
    private const string Units = "kMGTP";

    /// <summary>Reads a size. The unit's case does not matter; <c>KiB</c>-style endings are not sizes here.</summary>
    /// <param name="text">For example <c>64M</c>.</param>
    /// <param name="bytes">The bytes.</param>
    /// <returns>False where the text is no size, or is 2^63 or more.</returns>
    public static bool TryParse(string text, out ulong bytes)
    {
        bytes = 0;
        string digits = text;
        int shift = 0;
        if (text.Length > 0 && !char.IsAsciiDigit(text[^1]))
        {
            int unit = Units.IndexOf(text[^1..], StringComparison.OrdinalIgnoreCase);
            if (unit < 0)
            {
                return false;
            }

            shift = 10 * (unit + 1);
            digits = text[..^1];
        }

        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong count) || count > (ulong)long.MaxValue >> shift)
        {
            return false;
        }

        bytes = count << shift;
        return true;
    }

    /// <summary>The shortest exact form, for example <c>1G</c> or <c>1000</c>.</summary>
    public static string Format(ulong bytes)
    {
        int unit = 0;
        while (unit < Units.Length && bytes != 0 && bytes % 1024 == 0)
        {
            bytes /= 1024;
            unit++;
        }

        string number = bytes.ToString(CultureInfo.InvariantCulture);
        return unit == 0 ? number : number + Units[unit - 1];
    }
}
