namespace Harness.Load;

/// <summary>How one phase of an open loop went.</summary>
/// <param name="RateOffered">Arrivals of the schedule, per second of the schedule.</param>
/// <param name="RateAchieved">Requests sent, per second until the last of them was sent or until the schedule's end, whichever is later.</param>
/// <param name="Unsent">Arrivals that were given up because the server was too far behind at the end.</param>
/// <param name="Saturated">Whether the server could not follow: less than 99 % of the offered rate was achieved, or latency kept growing.</param>
internal readonly record struct OpenLoopFigures(double RateOffered, double RateAchieved, long Unsent, bool Saturated)
{
    private const double LeastAchieved = 0.99;

    public static OpenLoopFigures Of(long sent, long unsent, long scheduleNs, long lastSentNs, bool keepsGrowing)
    {
        double offered = (sent + unsent) * 1e9 / scheduleNs;
        double achieved = sent * 1e9 / Math.Max(scheduleNs, lastSentNs);
        return new OpenLoopFigures(offered, achieved, unsent, keepsGrowing || achieved < LeastAchieved * offered);
    }
}
