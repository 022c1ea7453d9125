using System.Globalization;
using Harness.Matrix;
using Spectre.Console;

namespace Harness.Report;

/// <summary>The client's ways of working against each other, a line for each place: the ratio with its 95 % interval, which takes six rounds.</summary>
internal static class ClientWaysTable
{
    public static void Write(IReadOnlyList<ClientPlace> places, IAnsiConsole console)
    {
        foreach (var same in places.GroupBy(place => place.Baseline))
        {
            console.Profile.Width = 2 * ReportConsole.Width;
            console.Write(Table([.. same], same.Key));
            console.Profile.Width = ReportConsole.Width;
            console.WriteLine($"iops over those of our client {Words(same.Key)}, by round: median and its 95 % interval");
            console.WriteLine();
        }
    }

    private static Table Table(ClientPlace[] places, string baseline)
    {
        string[] axes = [.. Axis.Names.Where(axis => places.Any(place => place.Axes.ContainsKey(axis)))];
        string[] ways = [.. places.SelectMany(place => place.Ways).Select(way => way.Way).Distinct()];
        var table = new Table().Border(TableBorder.Simple);
        foreach (var axis in axes)
        {
            ReportTable.Column(table, axis, Justify.Left);
        }
        ReportTable.Column(table, $"{baseline}, iops", Justify.Right);
        foreach (var way in ways)
        {
            ReportTable.Column(table, $"{way} / {baseline}", Justify.Right);
        }
        foreach (var place in places)
        {
            table.AddRow(
            [
                .. axes.Select(axis => Markup.Escape(place.Axes.GetValueOrDefault(axis) ?? Figures.None)),
                Figures.Count(place.BaselineIops.Median),
                .. ways.Select(way => Ratio(place.Ways.FirstOrDefault(one => one.Way == way)?.Ratio)),
            ]);
        }
        return table;
    }

    private static string Words(string baseline) => baseline switch
    {
        "half" => "with one side at a time",
        "full" => "with both sides on one loop",
        _ => "with a thread for each side",
    };

    // Colour only where the whole interval lies on one side of 1.
    private static string Ratio(Spread? ratio) => ratio switch
    {
        null => Figures.None,
        { Low: { } low, High: { } high } => Coloured(low, high, string.Create(CultureInfo.InvariantCulture, $"{ratio.Median:0.00} {low:0.00}..{high:0.00}")),
        _ => ratio.Median.ToString("0.00", CultureInfo.InvariantCulture),
    };

    private static string Coloured(double low, double high, string text) => low > 1 ? $"[green]{text}[/]" : high < 1 ? $"[red]{text}[/]" : text;
}
