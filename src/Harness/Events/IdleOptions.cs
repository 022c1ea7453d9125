namespace Harness.Events;

/// <summary>What <c>harness events --idle</c> was asked for.</summary>
internal sealed record IdleOptions
{
    public const int MostConnections = 100_000;

    public required IReadOnlyList<string> Backends { get; init; }

    /// <summary>How many connections; each number is a test of its own.</summary>
    public IReadOnlyList<int> Connections { get; init; } = [1, 100, 1000, 10_000];

    public int Rounds { get; init; } = 7;

    /// <summary>Messages that come, one after the other, in one round of one test.</summary>
    public int WakeUps { get; init; } = 100;

    /// <summary>Fixes the order in each round, and which connections wake up.</summary>
    public ulong Seed { get; init; } = 1;
}
