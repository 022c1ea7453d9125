namespace Harness.Results;

/// <summary>Who a side of a cell was that is not ours, and how it was started.</summary>
internal sealed record PeerFacts
{
    /// <summary>The program.</summary>
    public required string Name { get; init; }

    /// <summary>What it says of itself; null where it said nothing.</summary>
    public required string? Version { get; init; }

    /// <summary>The program and its arguments.</summary>
    public required string CommandLine { get; init; }

    /// <summary>The text of its configuration file; null where all is on the command line.</summary>
    public string? Config { get; init; }
}
