namespace Harness.Matrix;

/// <summary>"Did you mean": the closest legal word, where one is close enough to be a slip of the finger.</summary>
internal static class Suggest
{
    /// <summary>The legal word that <paramref name="word"/> was probably meant to be, or null.</summary>
    public static string? Closest(string word, IEnumerable<string> legal)
    {
        // Two slips in a long word, one in a short one; more is another word.
        var limit = word.Length <= 4 ? 1 : 2;
        return legal
            .Select(candidate => (candidate, distance: Distance(word, candidate)))
            .Where(pair => pair.distance <= limit)
            .OrderBy(pair => pair.distance)
            .Select(pair => pair.candidate)
            .FirstOrDefault();
    }

    /// <summary>One sentence for a word that is not in the list: what it was, what it may have meant, what is legal.</summary>
    public static string Unknown(string kind, string word, IReadOnlyCollection<string> legal)
    {
        var closest = Closest(word, legal);
        var hint = closest is null ? "" : $"; did you mean '{closest}'?";
        return $"unknown {kind} '{word}'{hint}{(closest is null ? ";" : "")} legal: {string.Join(", ", legal)}";
    }

    /// <summary>Edits (insert, delete, replace, swap two neighbours) that turn one word into the other.</summary>
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            d[i, 0] = i;
        }
        for (var j = 0; j <= b.Length; j++)
        {
            d[0, j] = j;
        }
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var replace = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(replace, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }
        return d[a.Length, b.Length];
    }
}
