namespace Harness.Timeline;

/// <summary>What <c>harness timeline --json</c> writes.</summary>
internal sealed record TimelineDocument
{
    public required string Uri { get; init; }

    /// <summary>Operations that ended while it recorded.</summary>
    public required long Ops { get; init; }

    /// <summary>From the first request to the last reply.</summary>
    public required double Seconds { get; init; }

    /// <summary><c>full</c>, <c>half</c> or <c>threads</c>.</summary>
    public required string Duplex { get; init; }

    /// <summary>Entries in the ring.</summary>
    public required int Entries { get; init; }

    /// <summary>Entries that were overwritten: the beginning is missing where this is not 0.</summary>
    public required long EntriesLost { get; init; }

    /// <summary>States of the write side, then those of the read side.</summary>
    public required IReadOnlyList<StateFigures> States { get; init; }

    /// <summary>A piece from the middle, as the picture shows it.</summary>
    public required TimelinePicture Picture { get; init; }
}
