namespace Harness.Kernels.Archive;

/// <summary>The order of package versions, and of kernel releases: deb-version(7), without its epochs, which neither has.</summary>
internal sealed class DebianVersion : IComparer<string?>
{
    public static readonly DebianVersion Order = new();

    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x;
        ReadOnlySpan<char> b = y;
        while (a.Length > 0 || b.Length > 0)
        {
            int words = CompareText(Take(ref a, digits: false), Take(ref b, digits: false));
            if (words != 0)
            {
                return words;
            }
            int numbers = CompareNumbers(Take(ref a, digits: true), Take(ref b, digits: true));
            if (numbers != 0)
            {
                return numbers;
            }
        }
        return 0;
    }

    private static ReadOnlySpan<char> Take(ref ReadOnlySpan<char> text, bool digits)
    {
        int length = 0;
        while (length < text.Length && char.IsAsciiDigit(text[length]) == digits)
        {
            length++;
        }
        ReadOnlySpan<char> taken = text[..length];
        text = text[length..];
        return taken;
    }

    private static int CompareText(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        for (int i = 0; i < Math.Max(a.Length, b.Length); i++)
        {
            int difference = Weight(a, i) - Weight(b, i);
            if (difference != 0)
            {
                return difference;
            }
        }
        return 0;
    }

    // A tilde sorts before the end, the end before letters, letters before all else.
    private static int Weight(ReadOnlySpan<char> text, int at) =>
        at >= text.Length ? 0 : text[at] == '~' ? -1 : char.IsAsciiLetter(text[at]) ? text[at] : text[at] + 256;

    private static int CompareNumbers(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        a = a.TrimStart('0');
        b = b.TrimStart('0');
        return a.Length != b.Length ? a.Length - b.Length : a.SequenceCompareTo(b);
    }
}
