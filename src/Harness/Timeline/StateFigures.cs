using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>How often a side was in a state, how long, and what it waited for. Times in microseconds.</summary>
internal sealed record StateFigures
{
    /// <summary><c>read</c> or <c>write</c>.</summary>
    public required string Side { get; init; }

    /// <summary>The state's name.</summary>
    public required string State { get; init; }

    /// <summary>What it means.</summary>
    public required string Sentence { get; init; }

    /// <summary>What the side waited for while it waited.</summary>
    public required string WaitsFor { get; init; }

    /// <summary>Stays in it.</summary>
    public required long Count { get; init; }

    /// <summary>All of them together.</summary>
    public required double TotalUs { get; init; }

    /// <summary>Their share of the side's time, 0 to 1.</summary>
    public required double Share { get; init; }

    /// <summary>The part of it in which the side waited and did nothing.</summary>
    public required double WaitedUs { get; init; }

    /// <summary>The median stay.</summary>
    public required double P50Us { get; init; }

    /// <summary>The stay that 99 of 100 are no longer than.</summary>
    public required double P99Us { get; init; }

    /// <summary>The states of one side in which it was, in the order of the table.</summary>
    public static IEnumerable<StateFigures> Of(TimelineSide side, SideHistory history)
    {
        double wholeNs = history.Visits.Sum(visit => visit.EndNs - visit.StartNs);
        return from visit in history.Visits
               group visit by visit.State into stays
               orderby stays.Key
               select Of(side, stays.Key, [.. stays], wholeNs);
    }

    private static StateFigures Of(TimelineSide side, byte state, SideVisit[] stays, double wholeNs)
    {
        long[] lengths = [.. stays.Select(stay => stay.EndNs - stay.StartNs).Order()];
        (string name, string sentence, string waitsFor) = Words(side, state);
        return new StateFigures
        {
            Side = side == TimelineSide.Read ? "read" : "write",
            State = name,
            Sentence = sentence,
            WaitsFor = waitsFor,
            Count = stays.Length,
            TotalUs = lengths.Sum() / 1e3,
            Share = wholeNs > 0 ? lengths.Sum() / wholeNs : 0,
            WaitedUs = stays.Sum(stay => stay.WaitedNs) / 1e3,
            P50Us = Quantile(lengths, 0.50) / 1e3,
            P99Us = Quantile(lengths, 0.99) / 1e3,
        };
    }

    /// <summary>The words of the table of states.</summary>
    public static (string Name, string Sentence, string WaitsFor) Words(TimelineSide side, byte state) => side == TimelineSide.Read
        ? ($"{(ReadState)state}", ClientStates.Sentence((ReadState)state), ClientStates.WaitsFor((ReadState)state))
        : ($"{(WriteState)state}", ClientStates.Sentence((WriteState)state), ClientStates.WaitsFor((WriteState)state));

    // Nearest rank: always a stay that was.
    private static long Quantile(long[] sorted, double share) => sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];
}
