namespace Harness.Nbd;

/// <summary>
/// Reads a chain as the command line has it: <c>memory:1G</c>, <c>null:64M</c>, <c>file:/path</c>. What follows a store's name is all the store's.
/// </summary>
public static class BlockChain
{
    /// <summary>Makes the chain; nothing is opened for good yet.</summary>
    /// <param name="text">The chain.</param>
    /// <param name="readOnly">Its store is asked to take no more than reading needs.</param>
    /// <exception cref="BlockException">The chain is not right; the message is one line and says what to write.</exception>
    public static IBlock Parse(string text, bool readOnly = false)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? text : text[..colon];
        foreach (StoreKind kind in StoreCatalog.All)
        {
            if (kind.Name == name)
            {
                return kind.Make(colon < 0 ? string.Empty : text[(colon + 1)..], readOnly);
            }
        }

        string all = string.Join(", ", StoreCatalog.All.Select(kind => kind.Synopsis));
        throw new BlockException($"unknown store '{name}'{Suggestion(name)}; the stores are {all}") { IsUsage = true };
    }

    private static string Suggestion(string name)
    {
        (string Name, int Distance) nearest = StoreCatalog.All.Select(kind => (kind.Name, Distance(name, kind.Name))).MinBy(pair => pair.Item2);
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
