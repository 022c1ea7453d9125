using System.Globalization;
using System.Net;
using System.Text;

namespace Harness.Kernels;

/// <summary>
/// The table as one picture: a small chart for each place with a line for each backend over the kernels, then a heat map of all cells against the base. White
/// paper, since it stands in documents; colours that are told apart with every kind of colour vision, the same for a backend as everywhere.
/// </summary>
internal static class KernelSvg
{
    private const int Width = 1240;
    private const int Margin = 24;
    private const int ChartsTop = 94;
    private const int MostColumns = 4;
    private const int Gap = 22;
    private const int ChartHeight = 190;
    private const int WidestChart = 580;
    private const int CaptionHeight = 30;

    private static readonly Dictionary<string, (string Colour, string Dash)> s_lines = new()
    {
        ["poll"] = ("#8a8a8a", "2 3"),
        ["epoll"] = ("#0072b2", ""),
        ["uring-poll"] = ("#e69f00", "8 4"),
        ["uring"] = ("#d55e00", ""),
        ["uring-epoll"] = ("#cc79a7", "8 3 2 3"),
    };

    public static string Of(KernelTable table)
    {
        int columns = Math.Clamp(table.Places.Count, 1, MostColumns);
        double width = Math.Min(WidestChart, (Width - (2.0 * Margin) - ((columns - 1) * Gap)) / columns);
        int rows = (table.Places.Count + columns - 1) / columns;
        int heatTop = ChartsTop + (rows * (CaptionHeight + ChartHeight + Gap)) + 34;
        int height = heatTop + KernelSvgHeat.Height(table) + Margin;
        var svg = new StringBuilder();
        svg.Append("<svg xmlns=\"http://www.w3.org/2000/svg\" ");
        svg.Append(CultureInfo.InvariantCulture, $"""viewBox="0 0 {Width} {height}" width="{Width}" height="{height}" """);
        svg.Append("role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#1b1f24\">\n");
        svg.Append($"<title>{Escaped($"{table.Matrix}: {KernelTableText.Unit(table)} on {table.Kernels.Count} kernels")}</title>\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
        string what = table.IsCounted ? "Guest instructions per operation, over kernel versions" : "µs per operation in guests, over kernel versions";
        Text(svg, Margin, 32, what, "font-size=\"18\" font-weight=\"600\"");
        Text(svg, Margin, 52, table.IsCounted ? $"{KernelTable.NotCycles} Median of {Boots(table)}." : $"Median of {Boots(table)}; each is a time on one host.", "fill=\"#57606a\"");
        Legend(svg, table);
        for (int i = 0; i < table.Places.Count; i++)
        {
            double left = Margin + (i % columns * (width + Gap));
            double top = ChartsTop + (i / columns * (CaptionHeight + ChartHeight + Gap));
            new KernelSvgChart(svg, table, table.Places[i], left, top + CaptionHeight, width, ChartHeight).Draw();
        }
        KernelSvgHeat.Draw(svg, table, Margin, heatTop, Width - (2 * Margin));
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>How a backend's line looks.</summary>
    public static (string Colour, string Dash) Line(string backend) => s_lines.GetValueOrDefault(backend, ("#009e73", ""));

    public static void Text(StringBuilder svg, double x, double y, string text, string attributes) =>
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="{x:0.#}" y="{y:0.#}" {attributes}>{Escaped(text)}</text>""").Append('\n');

    public static string Escaped(string text) => WebUtility.HtmlEncode(text);

    private static string Boots(KernelTable table)
    {
        int[] boots = [.. table.Cells.SelectMany(row => row.Figures).Where(figure => figure.Boots > 0).Select(figure => figure.Boots).Distinct().Order()];
        return boots switch
        {
            [] => "no boot",
            [1] => "one boot",
            [var all] => $"{all} boots",
            _ => $"{boots[0]} to {boots[^1]} boots",
        };
    }

    private static void Legend(StringBuilder svg, KernelTable table)
    {
        double x = Margin;
        foreach (string backend in table.Places.SelectMany(place => place.Lines).Select(line => line.Backend).Distinct())
        {
            (string colour, string dash) = Line(backend);
            svg.Append(CultureInfo.InvariantCulture, $"""
                <path d="M{x:0.#} 72h26" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}" fill="none"/>

                """);
            Text(svg, x + 32, 76, backend, "");
            x += 56 + (7 * backend.Length);
        }
        if (table.IsCounted)
        {
            Text(svg, x + 10, 76, "● a step from the kernel before: in every boot, and by more than boots differ · ○ none", "fill=\"#57606a\"");
        }
    }
}
