namespace Harness.Nbd;

/// <summary>"Did you mean": the known word that a mistyped one is nearest to.</summary>
internal static class NearestName
{
    /// <summary>For a message: <c>: did you mean 'memory'?</c>, or nothing where no known word is near.</summary>
    public static string Suggestion(string word, IEnumerable<string> known)
    {
        (string Name, int Distance) nearest = known
            .Select(name => (Name: name, Distance: Distance(word, name)))
            .DefaultIfEmpty((Name: string.Empty, Distance: int.MaxValue))
            .MinBy(pair => pair.Distance);
        return nearest.Distance <= Math.Max(1, nearest.Name.Length / 2) ? $": did you mean '{nearest.Name}'?" : string.Empty;
    }

    /// <summary>Levenshtein's distance: letters to add, drop or change.</summary>
    private static int Distance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }
}
