using System.Globalization;
using System.Text;

namespace Harness.Kernels;

/// <summary>
/// The heat map of <see cref="KernelSvg"/>: a row for each place, the kernels of each backend beside each other, coloured by the ratio to the base.
/// </summary>
internal static class KernelSvgHeat
{
    private const int HeadHeight = 62;
    private const int RowHeight = 24;
    private const double LetterWidth = 6.4;
    private const int LeastLabelWidth = 110;
    private const int BackendGap = 12;

    // A third more, or less, has the full colour.
    private const double Full = 1.33;
    private const double LeastWidthOfText = 31;

    public static int Height(KernelTable table) => HeadHeight + (table.Places.Count * RowHeight);

    public static void Draw(StringBuilder svg, KernelTable table, double left, double top, double width)
    {
        string[] backends = [.. table.Places.SelectMany(place => place.Lines).Select(line => line.Backend).Distinct()];
        double labels = Math.Max(LeastLabelWidth, table.Places.Max(place => place.Label.Length) * LetterWidth);
        double block = ((width - labels) / backends.Length) - BackendGap;
        double cell = block / table.Kernels.Count;
        KernelSvg.Text(svg, left, top, $"Against {table.Base}, in percent: orange costs more, blue less", "font-weight=\"600\"");
        for (int i = 0; i < backends.Length; i++)
        {
            double x = left + labels + (i * (block + BackendGap));
            KernelSvg.Text(svg, x, top + 28, backends[i], "font-weight=\"600\"");
            for (int at = 0; at < table.Kernels.Count; at++)
            {
                KernelSvg.Text(svg, x + ((at + 0.5) * cell), top + 48, table.Kernels[at].Name, "fill=\"#57606a\" font-size=\"11\" text-anchor=\"middle\"");
            }
        }
        var rows = table.Cells.ToDictionary(row => row.Cell);
        for (int place = 0; place < table.Places.Count; place++)
        {
            double y = top + HeadHeight - 6 + (place * RowHeight);
            string label = table.Places[place].Label;
            KernelSvg.Text(svg, left, y + 15, label.Length > 0 ? label : table.Matrix, "");
            foreach (KernelLine line in table.Places[place].Lines)
            {
                double x = left + labels + (Array.IndexOf(backends, line.Backend) * (block + BackendGap));
                DrawRow(svg, table, rows[line.Cell], x, y, cell);
            }
        }
    }

    private static void DrawRow(StringBuilder svg, KernelTable table, KernelRow row, double x, double y, double width)
    {
        double? was = row.Figures[table.BaseAt].PerOp;
        for (int at = 0; at < row.Figures.Count; at++)
        {
            double? ratio = row.Figures[at].PerOp / was;
            string text = ratio is not { } known ? "–" : at == table.BaseAt ? "0" : (100 * (known - 1)).ToString("+0.0;-0.0;0", CultureInfo.InvariantCulture);
            double share = ratio is { } value ? Math.Min(1, Math.Abs(Math.Log(value)) / Math.Log(Full)) : 0;
            string title = $"{row.Cell} on {table.Kernels[at].Name}: {(row.Figures[at].PerOp is { } perOp ? KernelTableText.Value(perOp, table.IsCounted) : row.Figures[at].Reason)}";
            string colour = ratio > 1 ? "#e69f00" : "#56b4e9";
            svg.Append(CultureInfo.InvariantCulture, $"""
                <rect x="{x + (at * width):0.#}" y="{y:0.#}" width="{width - 1:0.#}" height="{RowHeight - 2}" stroke="#e7ebef"
                  fill="{colour}" fill-opacity="{share * 0.9:0.###}">
                <title>{KernelSvg.Escaped(title)}</title></rect>

                """);
            if (width >= LeastWidthOfText)
            {
                KernelSvg.Text(svg, x + ((at + 0.5) * width), y + 15, text, "font-size=\"11\" text-anchor=\"middle\" pointer-events=\"none\"");
            }
        }
    }
}
