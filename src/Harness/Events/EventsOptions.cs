using Harness.Io;

namespace Harness.Events;

/// <summary>What <c>harness events</c> was asked for.</summary>
internal sealed record EventsOptions
{
    /// <summary>Tokens that a pipe holds at most: the test is of events, not of full pipes.</summary>
    public const int MostTokensOfPipe = 1000;

    public const int MostPipes = 16_384;
    public const int MostTokens = MostPipes * MostTokensOfPipe;

    /// <summary>The variants that are held against each other.</summary>
    public required IReadOnlyList<LoopVariant> Variants { get; init; }

    public int Pipes { get; init; } = 32;

    /// <summary>How many tokens are under way; each number is a test of its own.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    public int Rounds { get; init; } = 7;

    /// <summary>Events of a round, at least; about 50 ms of most variants.</summary>
    public int Events { get; init; } = 25_000;

    /// <summary>Fixes the order in each round.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Where the result goes as JSON: a path, <c>-</c> for stdout, or null.</summary>
    public string? Json { get; init; }
}
