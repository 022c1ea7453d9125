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
    public static IBlock Parse(string text, bool readOnly = false, Func<string, IBlock>? shared = null) =>
        Parse(text, readOnly, name => shared?.Invoke(name), (kind, arguments, readsOnly) => kind.Make(arguments, readsOnly), MaxFilters);

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

    /// <summary>Where a chain's store leaves it to the name of an export what is served: that store, its text, and whether nothing may change it.</summary>
    /// <exception cref="BlockException">The text of the store or of a filter is not right.</exception>
    internal static (StoreKind Kind, string Text, bool ReadOnly)? OpenStoreOf(string chain, bool readOnly)
    {
        int start = 0;
        while (FilterAt(chain, start) is { } found && found.End < chain.Length)
        {
            _ = new FilterArguments(found.Kind, found.Arguments);
            readOnly |= found.Kind.OnlyReadsNext;
            start = found.End + 1;
        }

        (string name, string text) = StoreAt(chain[start..]);
        StoreKind? kind = StoreCatalog.All.FirstOrDefault(candidate => candidate.Name == name);
        return kind?.ByName is { } byName && byName.LeavesOpen(text) ? (kind, text, readOnly) : null;
    }

    /// <summary>Makes a chain whose store leaves it to the name of an export what is served, for an export.</summary>
    /// <exception cref="BlockException">There is nothing of this name, or a filter does not fit it.</exception>
    internal static IBlock ParseByName(string chain, bool readOnly, string exportName) =>
        Parse(chain, readOnly, _ => null, (kind, text, readsOnly) => kind.ByName!.Make(text, readsOnly, exportName), MaxFilters);

    private static IBlock Parse(string text, bool readOnly, Func<string, IBlock?> shared, Func<StoreKind, string, bool, IBlock> make, int filtersLeft)
    {
        if (FilterAt(text, 0) is not (var kind, var arguments, var end))
        {
            return ParseStore(text, readOnly, shared, make);
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

        IBlock next = Parse(text[(end + 1)..], readOnly || kind.OnlyReadsNext, shared, make, filtersLeft - 1);
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

    private static IBlock ParseStore(string text, bool readOnly, Func<string, IBlock?> shared, Func<StoreKind, string, bool, IBlock> make)
    {
        if (text.StartsWith('@'))
        {
            return shared(text[1..])
                ?? throw new BlockException($"'{text}' is a block of a running server or of --node; there are none here") { IsUsage = true };
        }

        (string name, string arguments) = StoreAt(text);
        foreach (StoreKind kind in StoreCatalog.All)
        {
            if (kind.Name == name)
            {
                return make(kind, arguments, readOnly);
            }
        }

        throw Unknown(name);
    }

    private static (string Name, string Arguments) StoreAt(string text)
    {
        int end = text.AsSpan().IndexOfAny(':', '/') is var at and >= 0 ? at : text.Length;
        return (text[..end], end < text.Length && text[end] == ':' ? text[(end + 1)..] : string.Empty);
    }

    private static BlockException Unknown(string name)
    {
        string stores = string.Join(", ", StoreCatalog.All.Select(kind => kind.Synopsis));
        string filters = string.Join(", ", FilterCatalog.All.Select(kind => kind.Name));
        string nearest = NearestName.Suggestion(name, [.. StoreCatalog.All.Select(kind => kind.Name), .. FilterCatalog.All.Select(kind => kind.Name)]);
        return new BlockException($"unknown block '{name}'{nearest}; the stores are {stores}; filters before them: {filters}") { IsUsage = true };
    }
}
