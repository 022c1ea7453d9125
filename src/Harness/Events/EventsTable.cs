using System.Globalization;
using Harness.Matrix;
using Harness.Report;
using Spectre.Console;

namespace Harness.Events;

/// <summary>The pipe test as tables, one for each number of tokens: what <c>harness events</c> prints, and <c>harness report</c> of such a run.</summary>
internal static class EventsTable
{
    public static void Write(IReadOnlyList<EventFigures> figures, IAnsiConsole console)
    {
        if (figures.Count == 0)
        {
            return;
        }
        foreach (var place in figures.GroupBy(variant => (variant.Pipes, variant.Tokens)).Select(place => place.ToArray()))
        {
            console.WriteLine(Title(place));
            // As the report's other tables: rather let a line run over than cut figures off.
            console.Profile.Width = 2 * ReportConsole.Width;
            console.Write(Table(place));
            console.Profile.Width = ReportConsole.Width;
            if (EventsReason.Of(place) is { } reason)
            {
                console.WriteLine(reason);
            }
            console.WriteLine();
        }
        console.WriteLine("an event is one token that a handler takes from its pipe and writes to the next; calls are those of loop and handlers");
        console.WriteLine("median over the rounds and its 95 % interval, with fewer than six rounds smallest to largest");
        console.WriteLine($"of {EventVariants.OneByOne}, of {EventVariants.Batch}: events/s over those of {Vocabulary.BaselineBackend} with that many at a time, by round");
        console.WriteLine();
    }

    private static string Title(EventFigures[] place)
    {
        int rounds = place.Max(variant => variant.Rounds);
        string tokens = place[0].Tokens == 1 ? "1 token" : $"{place[0].Tokens} tokens";
        return $"{tokens} in {place[0].Pipes} pipes, {(rounds == 1 ? "1 round" : $"{rounds} rounds")}";
    }

    private static Table Table(EventFigures[] place)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (string title in (string[])["backend", "variant"])
        {
            ReportTable.Column(table, title, Justify.Left);
        }
        string[] titles = ["events/s", "interval", $"of {EventVariants.OneByOne}", $"of {EventVariants.Batch}", "calls/event", "CQEs/event"];
        foreach (string title in titles)
        {
            ReportTable.Column(table, title, Justify.Right);
        }
        EventFigures? before = null;
        foreach (EventFigures variant in place)
        {
            string backend = variant.Backend == before?.Backend ? "" : variant.Backend;
            table.AddRow([Markup.Escape(backend), Markup.Escape(variant.Variant), .. Row(variant)]);
            before = variant;
        }
        return table;
    }

    private static string[] Row(EventFigures variant) =>
    [
        Figures.Count(variant.EventsPerSecond),
        Interval(variant.Spread, "N0"),
        Ratio(variant.RatioToEpoll1),
        Ratio(variant.RatioToEpoll64),
        Figures.Short(variant.SyscallsPerEvent),
        Figures.Short(variant.CqesPerEvent),
    ];

    private static string Ratio(Spread? ratio) => ratio is null ? Figures.None
        : string.Create(CultureInfo.InvariantCulture, $"{ratio.Median:0.00} {Interval(ratio, "0.00")}").TrimEnd();

    // What the rounds leave open: nothing where there was one.
    private static string Interval(Spread spread, string format)
    {
        var (low, high) = (spread.Low ?? spread.Min, spread.High ?? spread.Max);
        return spread.Min == spread.Max ? "" : $"{low.ToString(format, CultureInfo.InvariantCulture)}..{high.ToString(format, CultureInfo.InvariantCulture)}";
    }
}
