using System.Globalization;

namespace Harness.Matrix;

/// <summary>Bytes of the requests of one load: one size, or several with their shares in percent, as in <c>4k:70,64k:30</c>.</summary>
internal sealed class RequestSizes
{
    private readonly int[] _percents;

    private RequestSizes(int[] bytes, int[] percents)
    {
        Bytes = bytes;
        _percents = percents;
    }

    /// <summary>The sizes, as they were written.</summary>
    public IReadOnlyList<int> Bytes { get; }

    /// <summary>The largest of them.</summary>
    public int Largest => Bytes.Max();

    /// <summary>One size, or several separated by commas (or +, which cell ids use), each with its share.</summary>
    /// <exception cref="FormatException">Says what is wrong and what is legal.</exception>
    public static RequestSizes Parse(string text)
    {
        if (!text.Contains(':', StringComparison.Ordinal))
        {
            return new RequestSizes([Vocabulary.RequestBytes(text)], [100]);
        }

        string[][] parts = [.. text.Split(',', '+').Select(part => part.Split(':'))];
        if (parts.Any(part => part.Length != 2))
        {
            throw new FormatException($"'{text}': write every size with its share in percent, as in 4k:70,64k:30");
        }

        int[] percents = [.. parts.Select(part => Vocabulary.Count(part[1], 1, 100))];
        return percents.Sum() == 100
            ? new RequestSizes([.. parts.Select(part => Vocabulary.RequestBytes(part[0]))], percents)
            : throw new FormatException($"'{text}': the shares add up to {percents.Sum()} %, not to 100");
    }

    /// <summary>The size for a number from 0 to 99 that is drawn at random.</summary>
    public int Pick(ulong below100)
    {
        int left = (int)below100;
        int i = 0;
        while (left >= _percents[i])
        {
            left -= _percents[i++];
        }

        return Bytes[i];
    }

    /// <summary>The shortest text, without commas.</summary>
    public override string ToString() => Bytes.Count == 1
        ? Units.FormatSize(Bytes[0])
        : string.Join('+', Bytes.Zip(_percents, (bytes, percent) => string.Create(CultureInfo.InvariantCulture, $"{Units.FormatSize(bytes)}:{percent}")));
}
