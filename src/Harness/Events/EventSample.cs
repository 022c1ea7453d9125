namespace Harness.Events;

/// <summary>One round of one variant of the pipe test. A figure that could not be had is null.</summary>
internal sealed record EventSample
{
    public required string Backend { get; init; }
    public required string Variant { get; init; }
    public required int Pipes { get; init; }
    public required int Tokens { get; init; }

    /// <summary>From 1; rounds of the same number are neighbours in time, so ratios are taken between them.</summary>
    public required int Round { get; init; }

    public required double EventsPerSecond { get; init; }

    /// <summary>Of the loop and of the handlers, which read and write.</summary>
    public double? SyscallsPerEvent { get; init; }

    /// <summary>Null without a ring.</summary>
    public double? CqesPerEvent { get; init; }

    public double? AllocatedBytesPerEvent { get; init; }
}
