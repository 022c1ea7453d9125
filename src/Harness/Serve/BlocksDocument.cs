using Harness.Nbd;

namespace Harness.Serve;

/// <summary>What <c>blocks --json</c> prints.</summary>
internal sealed record BlocksDocument
{
    public const string Store = "store";
    public const string Filter = "filter";

    public required IReadOnlyList<BlockEntry> Blocks { get; init; }

    /// <summary>Every store, then every filter.</summary>
    public static BlocksDocument All() => new()
    {
        Blocks = [.. StoreCatalog.All.Select(Entry), .. FilterCatalog.All.Select(Entry)],
    };

    private static BlockEntry Entry(StoreKind kind) => new()
    {
        Name = kind.Name,
        Kind = Store,
        Synopsis = kind.Synopsis,
        Summary = kind.Summary,
        Example = null,
        ThreadModel = kind.ThreadModel.Text(),
        Parameters = [.. kind.Parameters.Select(parameter => new BlockParameter(parameter.Name, null, parameter.Meaning))],
    };

    private static BlockEntry Entry(FilterKind kind) => new()
    {
        Name = kind.Name,
        Kind = Filter,
        Synopsis = kind.Synopsis,
        Summary = kind.Summary,
        Example = kind.Example,
        ThreadModel = kind.ThreadModel.Text(),
        Parameters = [.. kind.Parameters.Select(parameter => new BlockParameter(parameter.Name, parameter.Value, parameter.Meaning))],
    };
}

/// <summary>One store or filter.</summary>
internal sealed record BlockEntry
{
    public required string Name { get; init; }
    public required string Kind { get; init; }
    public required string Synopsis { get; init; }
    public required string Summary { get; init; }

    /// <summary>A chain with it; null for a store, whose synopsis says enough.</summary>
    public required string? Example { get; init; }

    /// <summary>How much it lets happen at one time; where a parameter says so, without it.</summary>
    public required string ThreadModel { get; init; }

    public required IReadOnlyList<BlockParameter> Parameters { get; init; }
}

/// <summary>A parameter; <see cref="Value"/> is null for a store's, which has no name of its own in a chain.</summary>
internal sealed record BlockParameter(string Name, string? Value, string Meaning);
