using Harness.Load;
using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>One recorded piece of a connection's life, taken apart.</summary>
internal sealed record Recording
{
    public required string Uri { get; init; }
    public required long StartNs { get; init; }
    public required long Ops { get; init; }
    public required double Seconds { get; init; }
    public required Duplex Duplex { get; init; }
    public required ClientTimeline Timeline { get; init; }
    public required SideHistory Write { get; init; }
    public required SideHistory Read { get; init; }
    public required IReadOnlyList<RequestSpan> Requests { get; init; }

    /// <param name="uri">With whom.</param>
    /// <param name="timeline">What was recorded, from a moment on at which nothing was in flight.</param>
    /// <param name="startNs">That moment.</param>
    /// <param name="ops">Operations that ended.</param>
    /// <param name="seconds">How long that took.</param>
    /// <param name="duplex">How the client worked.</param>
    public static Recording Of(string uri, ClientTimeline timeline, long startNs, long ops, double seconds, Duplex duplex) => new()
    {
        Uri = uri,
        StartNs = timeline is { Lost: > 0, Count: > 0 } ? timeline[0].TimeNs : startNs,
        Ops = ops,
        Seconds = seconds,
        Duplex = duplex,
        Timeline = timeline,
        Write = SideHistory.Of(timeline, TimelineSide.Write, startNs),
        Read = SideHistory.Of(timeline, TimelineSide.Read, startNs),
        Requests = RequestSpan.Of(timeline),
    };

    public TimelineDocument Document() => new()
    {
        Uri = Uri,
        Ops = Ops,
        Seconds = Seconds,
        Duplex = Duplex.ToString().ToLowerInvariant(),
        Entries = Timeline.Count,
        EntriesLost = Timeline.Lost,
        States = [.. StateFigures.Of(TimelineSide.Write, Write), .. StateFigures.Of(TimelineSide.Read, Read)],
        Picture = TimelinePicture.Of(this),
    };
}
