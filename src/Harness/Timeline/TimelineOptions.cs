using Harness.Load;

namespace Harness.Timeline;

/// <summary>What <c>harness timeline</c> was asked for.</summary>
internal sealed record TimelineOptions
{
    /// <summary>Entries of a ring unless asked otherwise.</summary>
    public const int UsualEntries = 1 << 18;

    /// <summary>The load on the one connection; its operations are counted.</summary>
    public required LoadOptions Load { get; init; }

    /// <summary>Entries that the ring keeps.</summary>
    public int Entries { get; init; } = UsualEntries;

    /// <summary>Beginning of the paths of trace and picture; null writes neither.</summary>
    public string? Out { get; init; }

    /// <summary>How much time the picture shows; null takes as much as can be told apart.</summary>
    public TimeSpan? Window { get; init; }

    public string? Json { get; init; }
}
