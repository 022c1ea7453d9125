namespace Harness.Events;

/// <summary>What <c>harness events --timers</c> was asked for.</summary>
internal sealed record TimersOptions
{
    public required IReadOnlyList<string> Backends { get; init; }

    /// <summary>Timers armed, and as many cancelled, per second.</summary>
    public long Rate { get; init; } = 100_000;

    /// <summary>Measured time of each backend.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The length of a slice; the backends take turns.</summary>
    public TimeSpan Slice { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Fixes the order of the backends in each round, and the instants.</summary>
    public ulong Seed { get; init; } = 1;
}
