using System.Globalization;

namespace Harness.Matrix;

/// <summary>Sizes (<c>512 4k 1M 1G</c>) and times (<c>50us 1ms 3s</c>), read and written the same way everywhere.</summary>
internal static class Units
{
    private static readonly (string Suffix, long Bytes)[] SizeUnits = [("T", 1L << 40), ("G", 1L << 30), ("M", 1L << 20), ("k", 1L << 10)];

    /// <summary>Bytes. A bare number is bytes; k, M, G and T are powers of 1024.</summary>
    /// <exception cref="FormatException">The message says what is wrong and what is legal.</exception>
    public static long ParseSize(string text)
    {
        var (number, unit) = Split(text);
        if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            throw new FormatException($"'{text}' is not a size; write a whole number and a unit, like 512, 4k, 1M or 1G");
        }
        if (unit.Length == 0)
        {
            return count;
        }
        var factor = SizeUnits.FirstOrDefault(u => u.Suffix.Equals(unit, StringComparison.OrdinalIgnoreCase)).Bytes;
        if (factor == 0)
        {
            throw new FormatException($"unknown unit '{unit}' in size '{text}'; the units are k, M, G and T");
        }
        return count <= long.MaxValue / factor ? count * factor : throw new FormatException($"size '{text}' is larger than a file can be");
    }

    /// <summary>A time; the unit is not optional, because a bare 3 has been both seconds and milliseconds.</summary>
    /// <exception cref="FormatException">The message says what is wrong and what is legal.</exception>
    public static TimeSpan ParseTime(string text)
    {
        var (number, unit) = Split(text);
        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count))
        {
            throw new FormatException($"'{text}' is not a time; write a number and a unit, like 50us, 1ms or 3s");
        }
        var ticks = unit switch
        {
            "us" or "µs" => TimeSpan.TicksPerMicrosecond,
            "ms" => TimeSpan.TicksPerMillisecond,
            "s" => TimeSpan.TicksPerSecond,
            "" => throw new FormatException($"time '{text}' has no unit; write {text}us, {text}ms or {text}s"),
            _ => throw new FormatException($"unknown unit '{unit}' in time '{text}'; the units are us, ms and s"),
        };
        return count <= TimeSpan.TicksPerDay * 365m / ticks
            ? TimeSpan.FromTicks((long)(count * ticks))
            : throw new FormatException($"time '{text}' is longer than a year");
    }

    /// <summary>A time above zero, for options that may be left out.</summary>
    /// <exception cref="FormatException">The message says what is wrong and what is legal.</exception>
    public static TimeSpan? ParseSomeTime(string text) =>
        ParseTime(text) is var time && time > TimeSpan.Zero ? time : throw new FormatException($"'{text}' is no time at all; write one above zero");

    /// <summary>The shortest exact text of a size: 4096 is <c>4k</c>, 1000 is <c>1000</c>.</summary>
    public static string FormatSize(long bytes)
    {
        foreach (var (suffix, factor) in SizeUnits)
        {
            if (bytes != 0 && bytes % factor == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{bytes / factor}{suffix}");
            }
        }
        return bytes.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The shortest exact text of a time: <c>50us</c>, <c>500ms</c>, <c>3s</c>.</summary>
    public static string FormatTime(TimeSpan time) => time.Ticks switch
    {
        0 => "0s",
        var t when t % TimeSpan.TicksPerSecond == 0 => Whole(t / TimeSpan.TicksPerSecond, "s"),
        var t when t % TimeSpan.TicksPerMillisecond == 0 => Whole(t / TimeSpan.TicksPerMillisecond, "ms"),
        var t => ((decimal)t / TimeSpan.TicksPerMicrosecond).ToString("0.#", CultureInfo.InvariantCulture) + "us",
    };

    private static string Whole(long count, string unit) => string.Create(CultureInfo.InvariantCulture, $"{count}{unit}");

    private static (string Number, string Unit) Split(string text)
    {
        var end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.'))
        {
            end++;
        }
        return (text[..end], text[end..].Trim());
    }
}
