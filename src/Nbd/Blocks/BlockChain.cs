namespace Harness.Nbd;

/// <summary>
/// Reads a chain as the command line has it, from the client's side to the store: <c>delay:read=1ms,write=2ms/memory:1G</c>. It is split at slashes up to the
/// first store, and what follows a store's name is all the store's, slashes and all. In the store's place <c>@ID</c> is a block that is there already.
/// </summary>
public static class BlockChain
{
    /// <summary>Filters that a chain may have; a request passes them by calls within calls.</summary>
    public const int MaxFilters = 64;

    /// <summary>Makes the chain; nothing is opened for good yet, except where a filter must look into what is behind it, as a partition must.</summary>
    /// <param name="text">The chain.</param>
    /// <param name="readOnly">Its store is asked to take no more than reading needs.</param>
    /// <param name="shared">
    /// Gives the block that <c>@ID</c> in the store's place stands for, or throws a <see cref="BlockException"/>; null where there are no blocks with IDs.
    /// </param>
    /// <exception cref="BlockException">The chain is not right; the message is one line and says what to write.</exception>
    public static IBlock Parse(string text, bool readOnly = false, Func<string, IBlock>? shared = null) => Parse(text, readOnly, shared, MaxFilters);

    /// <summary>A chain's filters, each with its slash, and its store; everything is the store's where the chain is not right.</summary>
    public static (string Filters, string Store) Split(string text)
    {
        int start = 0;
        while (FilterAt(text, start) is { } found && found.End < text.Length)
        {
            start = found.End + 1;
        }

        return (text[..start], text[start..]);
    }

    private static IBlock Parse(string text, bool readOnly, Func<string, IBlock>? shared, int filtersLeft)
    {
        if (FilterAt(text, 0) is not (var kind, var arguments, var end))
        {
            return ParseStore(text, readOnly, shared);
        }

        if (filtersLeft == 0)
        {
            throw new BlockException($"a chain has at most {MaxFilters} filters") { IsUsage = true };
        }

        var parsed = new FilterArguments(kind, arguments);
        if (end >= text.Length - 1)
        {
            string written = text[..end];
            throw new BlockException($"'{kind.Name}' is a filter, and no store follows it: write {written}/memory:1G") { IsUsage = true };
        }

        IBlock next = Parse(text[(end + 1)..], readOnly || kind.OnlyReadsNext, shared, filtersLeft - 1);
        try
        {
            return kind.Make(parsed, next);
        }
        catch
        {
            BlockNode.Of(next).DisposeIfUnneeded();
            throw;
        }
    }

    /// <summary>The filter whose name begins at <paramref name="start"/>, its arguments, and where its slash is or would be; null where none does.</summary>
    private static (FilterKind Kind, string Arguments, int End)? FilterAt(string text, int start)
    {
        int slash = text.IndexOf('/', start);
        int end = slash < 0 ? text.Length : slash;
        int colon = text.IndexOf(':', start, end - start);
        string name = text[start..(colon < 0 ? end : colon)];
        FilterKind? kind = FilterCatalog.All.FirstOrDefault(candidate => candidate.Name == name);
        return kind is null ? null : (kind, colon < 0 ? string.Empty : text[(colon + 1)..end], end);
    }

    private static IBlock ParseStore(string text, bool readOnly, Func<string, IBlock>? shared)
    {
        if (text.StartsWith('@'))
        {
            return shared?.Invoke(text[1..])
                ?? throw new BlockException($"'{text}' is a block of a running server or of --node; there are none here") { IsUsage = true };
        }

        int nameEnd = text.AsSpan().IndexOfAny(':', '/') is var at and >= 0 ? at : text.Length;
        string name = text[..nameEnd];
        string arguments = nameEnd < text.Length && text[nameEnd] == ':' ? text[(nameEnd + 1)..] : string.Empty;
        foreach (StoreKind kind in StoreCatalog.All)
        {
            if (kind.Name == name)
            {
                return kind.Make(arguments, readOnly);
            }
        }

        throw Unknown(name);
    }

    private static BlockException Unknown(string name)
    {
        string stores = string.Join(", ", StoreCatalog.All.Select(kind => kind.Synopsis));
        string filters = string.Join(", ", FilterCatalog.All.Select(kind => kind.Name));
        string nearest = NearestName.Suggestion(name, [.. StoreCatalog.All.Select(kind => kind.Name), .. FilterCatalog.All.Select(kind => kind.Name)]);
        return new BlockException($"unknown block '{name}'{nearest}; the stores are {stores}; filters before them: {filters}") { IsUsage = true };
    }
}
