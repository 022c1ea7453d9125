namespace Harness.Nbd;

/// <summary>A name under which a block graph is served.</summary>
/// <param name="name">What clients ask for; empty is the default export. At most 4096 bytes of UTF-8.</param>
/// <param name="graph">What they get.</param>
/// <param name="description">For humans, in listings; at most 4096 bytes of UTF-8.</param>
public sealed class NbdExport(string name, BlockGraph graph, string description = "")
{
    /// <summary>What clients ask for.</summary>
    public string Name { get; } = name;

    /// <summary>For humans.</summary>
    public string Description { get; } = description;

    /// <summary>What clients get.</summary>
    public BlockGraph Graph { get; } = graph;
}
