using System.Text.Json;
using Harness.Events;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>The pipe test's figures: medians, ratios by round, the table, the sentence below it, and the JSON; all from made-up rounds.</summary>
public sealed class EventFiguresTests
{
    [Fact]
    public void Ratios_are_taken_between_neighbours_in_time_and_medians_over_all_rounds()
    {
        // The machine is twice as fast in every second round, for all alike.
        EventFigures[] figures =
        [
            .. EventFigures.Of(Rounds(
                7, ("uring-poll", "multishot", 8, 1500, 2, 1), ("epoll", "maxevents-1", 8, 1000, 3, null), ("epoll", "maxevents-64", 8, 1200, 2.1, null))),
        ];
        Assert.Equal(["maxevents-1", "maxevents-64", "multishot"], figures.Select(variant => variant.Variant));
        EventFigures multishot = figures[2];
        Assert.Equal((7, 1500, 32, 8), (multishot.Rounds, multishot.EventsPerSecond, multishot.Pipes, multishot.Tokens));
        Assert.Equal(new Spread(1500, 1500, 3000) { Low = 1500, High = 3000 }, multishot.Spread);
        Assert.Equal(new Spread(1.5, 1.5, 1.5) { Low = 1.5, High = 1.5 }, multishot.RatioToEpoll1);
        Assert.Equal(1.25, multishot.RatioToEpoll64!.Median);
        Assert.Equal((2, 1), (multishot.SyscallsPerEvent, multishot.CqesPerEvent));
        Assert.Equal(1, figures[0].RatioToEpoll1!.Median);
        Assert.NotEmpty(multishot.Description!);
    }

    [Fact]
    public void Tests_of_other_shapes_are_not_held_against_each_other()
    {
        EventFigures[] figures = [.. EventFigures.Of(Rounds(2, ("epoll", "maxevents-1", 1, 1000, 3, null), ("uring", "read-multishot", 8, 1500, 2, 1)))];
        Assert.Equal([1, 8], figures.Select(variant => variant.Tokens));
        Assert.Null(figures[1].RatioToEpoll1);
        Assert.Null(figures[1].Spread.Low);
    }

    [Fact]
    public void A_variant_that_nobody_knows_stands_last_and_has_no_description()
    {
        EventFigures[] figures = [.. EventFigures.Of(Rounds(1, ("kqueue", "clear", 8, 10, 1, null), ("poll", "maxevents-1", 8, 1, 3, null)))];
        Assert.Equal(["poll", "kqueue"], figures.Select(variant => variant.Backend));
        Assert.Null(figures[1].Description);
    }

    [Fact]
    public void The_sentence_says_that_calls_decide_where_fewer_go_with_more_events()
    {
        Assert.Equal(
            "the most events come from uring read-multishot, 2.00 times those of epoll maxevents-1, at 1.10 system calls for each against 3.00; "
            + "system calls per event decide: of two variants that differ in them, the one that makes fewer is faster in 5 of 5 pairs",
            Reason(
                ("epoll", "maxevents-1", 8, 1000, 3, null),
                ("epoll", "maxevents-64", 8, 1400, 2.1, null),
                ("uring-poll", "multishot", 8, 1500, 2.12, 1),
                ("uring", "read-multishot", 8, 2000, 1.1, 1)));
    }

    [Fact]
    public void The_sentence_does_not_say_so_where_they_do_not_or_where_none_differ()
    {
        Assert.EndsWith(
            "system calls per event alone do not decide: of two variants that differ in them, the one that makes fewer is faster in 1 of 2 pairs",
            Reason(("epoll", "maxevents-1", 8, 1000, 3, null), ("uring-poll", "one-shot", 8, 900, 2, 1), ("uring-poll", "multishot", 8, 1100, 2, 1)));
        Assert.Equal(
            "the most events come from epoll maxevents-1, at 3.00 system calls for each; no two variants differ in their system calls per event, so something else decides",
            Reason(("epoll", "maxevents-1", 1, 1000, 3, null), ("poll", "maxevents-1", 1, 300, 3, null)));
        Assert.Null(Reason(("epoll", "maxevents-1", 1, 1000, 3, null)));
    }

    [Fact]
    public void The_table_has_a_place_for_each_number_of_tokens_and_a_line_for_each_variant()
    {
        IReadOnlyList<EventFigures> figures = EventFigures.Of(Rounds(
            7, ("epoll", "maxevents-1", 1, 100_000, 3, null), ("uring-poll", "multishot", 1, 50_000, 3, 1), ("epoll", "maxevents-1", 8, 100_000, 3, null)));
        string text = ReportConsole.Draw(console => EventsTable.Write(figures, console));
        Assert.StartsWith("1 token in 32 pipes, 7 rounds\n", text);
        Assert.Contains("\n8 tokens in 32 pipes, 7 rounds\n", text);
        Assert.Matches(@"\n +epoll +maxevents-1 +100,000 +100,000\.\.200,000 +1\.00 +- +3\.00 +- *\n", text);
        Assert.Matches(@"\n +uring-poll +multishot +50,000 +50,000\.\.100,000 +0\.50 +- +3\.00 +1\.00 *\n", text);
        Assert.Contains("\nthe most events come from epoll maxevents-1,", text);
        Assert.DoesNotContain(text.Split('\n'), line => line.Length > ReportConsole.Width);
    }

    [Fact]
    public void The_json_is_an_array_with_the_figures_and_their_spread()
    {
        string json = JsonSerializer.Serialize(
            EventFigures.Of(Rounds(6, ("epoll", "maxevents-1", 8, 1000, 3, null))), ResultsJson.Document.IReadOnlyListEventFigures);
        using var document = JsonDocument.Parse(json);
        JsonElement variant = Assert.Single(document.RootElement.EnumerateArray().ToArray());
        string[] members = ["backend", "variant", "tokens", "events_per_second", "syscalls_per_event", "cqes_per_event", "spread"];
        Assert.Empty(members.Except(variant.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(["median", "min", "max", "low", "high"], variant.GetProperty("spread").EnumerateObject().Select(member => member.Name));
        Assert.Equal(JsonValueKind.Null, variant.GetProperty("cqes_per_event").ValueKind);
        Assert.Equal(1, variant.GetProperty("ratio_to_epoll_1").GetProperty("median").GetDouble());
    }

    private static string? Reason(params (string, string, int, double, double, double?)[] variants) => EventsReason.Of(EventFigures.Of(Rounds(7, variants)));

    private static IEnumerable<EventSample> Rounds(
        int rounds, params (string Backend, string Variant, int Tokens, double PerSecond, double Calls, double? Cqes)[] variants) =>
        from variant in variants
        from round in Enumerable.Range(1, rounds)
        select new EventSample
        {
            Backend = variant.Backend,
            Variant = variant.Variant,
            Pipes = 32,
            Tokens = variant.Tokens,
            Round = round,
            EventsPerSecond = variant.PerSecond * (round % 2 == 0 ? 2 : 1),
            SyscallsPerEvent = variant.Calls,
            CqesPerEvent = variant.Cqes,
            AllocatedBytesPerEvent = 0,
        };
}
