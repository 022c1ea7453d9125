using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>A piece from the middle of a recording, small enough to be kept with results and drawn in a page. Microseconds from its beginning.</summary>
internal sealed record TimelinePicture
{
    public required double LengthUs { get; init; }

    /// <summary>What the write side did, without a gap.</summary>
    public required IReadOnlyList<TimelineStretch> Write { get; init; }

    /// <summary>What the read side did, without a gap.</summary>
    public required IReadOnlyList<TimelineStretch> Read { get; init; }

    public static TimelinePicture Of(Recording recording)
    {
        var window = PictureWindow.Of(recording, asked: null);
        return new TimelinePicture
        {
            LengthUs = Us(window.LengthNs),
            Write = Stretches(TimelineSide.Write, recording.Write, window),
            Read = Stretches(TimelineSide.Read, recording.Read, window),
        };
    }

    private static IReadOnlyList<TimelineStretch> Stretches(TimelineSide side, SideHistory history, PictureWindow window) =>
    [
        .. from interval in history.Intervals
           let cut = window.Cut(interval)
           where cut is not null
           select new TimelineStretch(
               Us(cut.Value.StartNs - window.StartNs), Us(cut.Value.EndNs - window.StartNs), StateFigures.Words(side, interval.State).Name, interval.IsWaiting),
    ];

    // Tenths of a microsecond: less is not to be seen.
    private static double Us(long ns) => Math.Round(ns / 1e3, 1);
}

/// <summary>A side was in one state and either waited or did something.</summary>
internal sealed record TimelineStretch(double FromUs, double ToUs, string State, bool Waits);
