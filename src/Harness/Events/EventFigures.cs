using System.Text.Json.Serialization;
using Harness.Report;

namespace Harness.Events;

/// <summary>
/// One variant of the pipe test over its rounds, at one number of tokens: an element of what <c>harness events --json</c> prints and of <c>events</c> in a
/// report. A figure that could not be had is null.
/// </summary>
internal sealed record EventFigures
{
    public required string Backend { get; init; }
    public required string Variant { get; init; }

    /// <summary>What it does for each event; null for a variant that this program does not know.</summary>
    public string? Description { get; init; }

    public required int Pipes { get; init; }
    public required int Tokens { get; init; }
    public required int Rounds { get; init; }

    /// <summary>Median over the rounds.</summary>
    public required double EventsPerSecond { get; init; }

    /// <summary>Median over the rounds, as the next two.</summary>
    public required double? SyscallsPerEvent { get; init; }

    public required double? CqesPerEvent { get; init; }
    public required double? AllocatedBytesPerEvent { get; init; }

    /// <summary>Of <see cref="EventsPerSecond"/>, with the interval of its median.</summary>
    public required Spread Spread { get; init; }

    /// <summary>Events per second over those of <c>epoll</c> that takes one event at a time, round by round; null where that was not measured.</summary>
    [JsonPropertyName("ratio_to_epoll_1")]
    public Spread? RatioToEpoll1 { get; init; }

    /// <summary>The same over <c>epoll</c> with batches of up to 64.</summary>
    [JsonPropertyName("ratio_to_epoll_64")]
    public Spread? RatioToEpoll64 { get; init; }

    /// <summary>From rounds to figures, in the order of tables: by pipes, tokens and variant.</summary>
    public static IReadOnlyList<EventFigures> Of(IEnumerable<EventSample> samples)
    {
        EventSample[][] cells =
        [
            .. samples.GroupBy(sample => (sample.Pipes, sample.Tokens, sample.Backend, sample.Variant)).Select(rounds => rounds.ToArray()),
        ];
        return
        [
            .. cells.OrderBy(rounds => rounds[0].Pipes)
                .ThenBy(rounds => rounds[0].Tokens)
                .ThenBy(rounds => EventVariants.Rank(rounds[0].Backend, rounds[0].Variant))
                .Select(rounds => Of(rounds, cells)),
        ];
    }

    private static EventFigures Of(EventSample[] rounds, EventSample[][] cells)
    {
        EventSample cell = rounds[0];
        Spread speed = Spread.Of(rounds.Select(round => round.EventsPerSecond))!;
        return new EventFigures
        {
            Backend = cell.Backend,
            Variant = cell.Variant,
            Description = EventVariants.Find(cell.Backend, cell.Variant)?.Description,
            Pipes = cell.Pipes,
            Tokens = cell.Tokens,
            Rounds = rounds.Length,
            EventsPerSecond = speed.Median,
            SyscallsPerEvent = Spread.MedianOf(rounds.Select(round => round.SyscallsPerEvent)),
            CqesPerEvent = Spread.MedianOf(rounds.Select(round => round.CqesPerEvent)),
            AllocatedBytesPerEvent = Spread.MedianOf(rounds.Select(round => round.AllocatedBytesPerEvent)),
            Spread = speed,
            RatioToEpoll1 = Ratio(rounds, EventVariants.OneByOne, cells),
            RatioToEpoll64 = Ratio(rounds, EventVariants.Batch, cells),
        };
    }

    // By round, as everywhere: what slowed the machine down in one round slowed both.
    private static Spread? Ratio(EventSample[] rounds, string baseline, EventSample[][] cells) => Spread.Of(
        from mine in rounds
        from other in cells.SelectMany(cell => cell)
        where other.Round == mine.Round && other.Pipes == mine.Pipes && other.Tokens == mine.Tokens
            && other.Backend == Matrix.Vocabulary.BaselineBackend && other.Variant == baseline && other.EventsPerSecond > 0
        select mine.EventsPerSecond / other.EventsPerSecond);
}
