namespace Harness.Timeline;

/// <summary>The part of a recording that a picture shows.</summary>
/// <param name="StartNs">On the loop's clock.</param>
/// <param name="EndNs">After <paramref name="StartNs"/>.</param>
internal readonly record struct PictureWindow(long StartNs, long EndNs)
{
    // More of them on one line could not be told apart.
    private const int MostIntervals = 90;

    public long LengthNs => EndNs - StartNs;

    /// <summary>A piece from the middle, where the beginning's hurry is over: as long as asked for, or with as many stretches as can be told apart.</summary>
    public static PictureWindow Of(Recording recording, TimeSpan? asked)
    {
        SideInterval[] all = [.. recording.Write.Intervals.Concat(recording.Read.Intervals).OrderBy(interval => interval.StartNs)];
        if (all.Length == 0)
        {
            return new PictureWindow(recording.StartNs, recording.StartNs + 1);
        }

        int first = Math.Max(0, (all.Length - MostIntervals) / 2);
        long startNs = all[first].StartNs;
        long lastNs = all.Max(interval => interval.EndNs);
        long endNs = asked is { } length ? startNs + (long)length.TotalNanoseconds : all[Math.Min(all.Length, first + MostIntervals) - 1].EndNs;
        return new PictureWindow(startNs, Math.Max(startNs + 1, Math.Min(endNs, lastNs)));
    }

    /// <summary>The part of an interval that is within the window; null where none is.</summary>
    public (long StartNs, long EndNs)? Cut(SideInterval interval)
    {
        (long start, long end) = (Math.Max(StartNs, interval.StartNs), Math.Min(EndNs, interval.EndNs));
        return end > start ? (start, end) : null;
    }
}
