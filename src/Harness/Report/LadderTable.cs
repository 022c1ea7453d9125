using Spectre.Console;

namespace Harness.Report;

/// <summary>The ladder as a table: place by place, every rung beside the one that it stands on.</summary>
internal static class LadderTable
{
    public static void Write(IReadOnlyList<LadderPlace> places, IAnsiConsole console)
    {
        if (places.Count == 0)
        {
            return;
        }
        // As the report's other table: rather let a line run over than cut figures off.
        console.Profile.Width = 2 * ReportConsole.Width;
        console.Write(Table(places));
        console.Profile.Width = ReportConsole.Width;
        console.WriteLine("the ladder, lowest rung first: NOPs on a ring; a bare exchange of the same bytes, which is the limit; NBD over null, memory, file");
        console.WriteLine("of below: iops over those of the rung below, by round, median min..max; adds: µs per operation that the layer costs");
        console.WriteLine("of exchange: iops of NBD over those of the limit; a/b is server/client");
        console.WriteLine();
    }

    private static Table Table(IReadOnlyList<LadderPlace> places)
    {
        string[] axes = [.. LadderView.Axes.Where(axis => places.Select(place => place.Axes.GetValueOrDefault(axis)).Distinct().Count() > 1)];
        var table = new Table().Border(TableBorder.Simple);
        foreach (var title in (string[])[.. axes, "backend", "rung"])
        {
            ReportTable.Column(table, title, Justify.Left);
        }
        foreach (var title in (string[])["iops", "µs/op", "of below", "adds µs/op", "of exchange", "cpu µs/op"])
        {
            ReportTable.Column(table, title, Justify.Right);
        }
        foreach (var place in places)
        {
            if (place != places[0])
            {
                table.AddEmptyRow();
            }
            Add(table, place, axes);
        }
        return table;
    }

    private static void Add(Table table, LadderPlace place, string[] axes)
    {
        LadderRung? before = null;
        foreach (var rung in place.Rungs)
        {
            var named = axes.Select(axis => before is null ? place.Axes.GetValueOrDefault(axis) ?? Figures.None : "");
            var backend = rung.Backend is { } name && name != before?.Backend ? name : "";
            table.AddRow([.. named.Append(backend).Append(rung.Rung).Select(Markup.Escape), .. Row(rung)]);
            before = rung;
        }
    }

    private static string[] Row(LadderRung rung) =>
    [
        Figures.Count(rung.Iops?.Median),
        Figures.Short(rung.UsPerOp?.Median),
        Figures.Ratio(rung.RatioToBelow),
        Figures.Short(rung.AddedUsPerOp?.Median),
        Figures.Ratio(rung.RatioToLimit),
        Figures.Pair(rung.ServerCpuUsPerOp, rung.ClientCpuUsPerOp),
    ];
}
