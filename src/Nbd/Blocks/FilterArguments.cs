using System.Globalization;
using System.Text;

namespace Harness.Nbd;

/// <summary>
/// What is written for one filter of a chain, <c>read=1ms,write=2ms</c>, read with one line of complaint for whatever is wrong. In values <c>/</c>, <c>,</c>
/// and <c>%</c> are percent-encoded, as in URIs.
/// </summary>
public sealed class FilterArguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly FilterKind _kind;

    /// <summary>Takes the text apart.</summary>
    /// <param name="kind">Whose parameters they are.</param>
    /// <param name="text">What stands between the filter's colon and the next slash.</param>
    /// <exception cref="BlockException">An unknown parameter, one without a value, one that is given twice, or a wrong percent-encoding.</exception>
    public FilterArguments(FilterKind kind, string text)
    {
        _kind = kind;
        Text = text;
        foreach (string argument in text.Length == 0 ? [] : text.Split(','))
        {
            Add(argument);
        }
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>A line of complaint about a filter.</summary>
    public BlockException Wrong(string what) => new($"'{_kind.Name}': {what}") { IsUsage = true };

    /// <summary>True where the parameter is given.</summary>
    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>The decoded value, or null where none is given.</summary>
    public string? String(string name) => _values.GetValueOrDefault(name);

    /// <summary>The decoded value.</summary>
    /// <exception cref="BlockException">None is given.</exception>
    public string Required(string name) => String(name)
        ?? throw Wrong($"{name}= is missing: {_kind.Parameters.First(parameter => parameter.Name == name).Meaning}");

    /// <summary>A time in nanoseconds, 0 to a day.</summary>
    public long Time(string name, long absent) => Read<long>(name, absent, "a time with its unit, like 50us, 1ms or 3s, at most a day", TimeLength.TryParse);

    /// <summary>A number of bytes below 2^63.</summary>
    public ulong Size(string name, ulong absent) => Read<ulong>(name, absent, "a size, like 512, 4k or 1M", ByteSize.TryParse);

    /// <summary>A whole number.</summary>
    public long Count(string name, long absent, long min, long max) => Read(
        name,
        absent,
        $"a whole number from {min} to {max}",
        (string text, out long count) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count >= min && count <= max);

    /// <summary>A share from 0 to 1, written <c>0.01</c> or <c>1%25</c>.</summary>
    public double Share(string name, double absent) =>
        Read<double>(name, absent, "a share from 0 to 1, like 0.01, or in percent with its sign encoded, like 1%25", TryShare);

    private delegate bool Parser<T>(string text, out T value);

    private static bool TryShare(string text, out double share)
    {
        bool percent = text.EndsWith('%');
        bool good = double.TryParse(text.AsSpan(0, text.Length - (percent ? 1 : 0)), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out share);
        share = percent ? share / 100 : share;
        return good && share is >= 0 and <= 1;
    }

    private T Read<T>(string name, T absent, string what, Parser<T> parser)
    {
        if (String(name) is not { } text)
        {
            return absent;
        }

        return parser(text, out T value) ? value : throw Wrong($"{name}={text} is not {what}");
    }

    private void Add(string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? argument : argument[..equals];
        FilterParameter? parameter = _kind.Parameters.FirstOrDefault(candidate => candidate.Name == name);
        if (parameter is null)
        {
            string[] known = [.. _kind.Parameters.Select(candidate => candidate.Name)];
            string all = known.Length == 0 ? "it takes no parameters" : $"its parameters are {string.Join(", ", known)}";
            throw Wrong($"unknown parameter '{name}'{NearestName.Suggestion(name, known)}; {all}");
        }

        if (equals < 0 || equals == argument.Length - 1)
        {
            throw Wrong($"'{name}' needs a value: {name}={parameter.Value}");
        }

        if (!_values.TryAdd(name, Decode(name, argument[(equals + 1)..])))
        {
            throw Wrong($"'{name}' is given twice");
        }
    }

    private string Decode(string name, string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
        {
            return text;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int length = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            byte next = bytes[i];
            if (next == '%')
            {
                if (i + 2 >= bytes.Length || !byte.TryParse(bytes.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out next))
                {
                    throw Wrong($"{name}={text}: a '%' begins a percent-encoding, like %2F for a slash; write %25 for the sign itself");
                }

                i += 2;
            }

            bytes[length++] = next;
        }

        try
        {
            string decoded = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes, 0, length);
            return decoded.Contains('\0', StringComparison.Ordinal) ? throw Wrong($"{name}={text}: %00 cannot be part of a value") : decoded;
        }
        catch (DecoderFallbackException)
        {
            throw Wrong($"{name}={text}: its percent-encoding is no UTF-8");
        }
    }
}
