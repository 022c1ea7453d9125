using System.Globalization;
using System.Text;

namespace Harness.Kernels;

/// <summary>One small chart of <see cref="KernelSvg"/>: a place, its backends over the kernels.</summary>
internal sealed class KernelSvgChart(StringBuilder svg, KernelTable table, KernelPlace place, double left, double top, double width, double height)
{
    private const int AxisWidth = 46;
    private const int AxisHeight = 20;
    private const int Ticks = 4;

    private readonly Dictionary<string, KernelRow> _rows = table.Cells.ToDictionary(row => row.Cell);
    private double _low;
    private double _high;

    public void Draw()
    {
        KernelSvg.Text(svg, left, top - 15, place.Label.Length > 0 ? place.Label : table.Matrix, "font-weight=\"600\"");
        double[] all = [.. place.Lines.SelectMany(line => _rows[line.Cell].Figures).Select(figure => figure.PerOp).OfType<double>()];
        if (all.Length == 0)
        {
            KernelSvg.Text(svg, left + AxisWidth, top + (height / 2), "not measured", "fill=\"#57606a\"");
            return;
        }
        DrawAxes(all);
        foreach (KernelLine line in place.Lines)
        {
            DrawLine(line);
        }
    }

    // Not from zero: a step of a percent is to be seen. The labels say where the axis begins.
    private void DrawAxes(double[] all)
    {
        double step = Step((all.Max() - all.Min()) is > 0 and var range ? range * 1.1 : all.Max() * 0.02);
        _low = Math.Floor(all.Min() / step) * step;
        _high = Math.Ceiling(all.Max() / step) * step;
        _high = _high > _low ? _high : _low + step;
        for (double value = _low; value <= _high + (step / 2); value += step)
        {
            svg.Append(CultureInfo.InvariantCulture, $"""<path d="M{left + AxisWidth:0.#} {Y(value):0.#}H{left + width:0.#}" stroke="#d8dee4"/>""").Append('\n');
            KernelSvg.Text(svg, left + AxisWidth - 6, Y(value) + 4, Label(value, step), "fill=\"#57606a\" font-size=\"11\" text-anchor=\"end\"");
        }
        for (int at = 0; at < table.Kernels.Count; at++)
        {
            KernelSvg.Text(svg, X(at), top + height - 4, table.Kernels[at].Name, "fill=\"#57606a\" font-size=\"11\" text-anchor=\"middle\"");
        }
    }

    private void DrawLine(KernelLine line)
    {
        (string colour, string dash) = KernelSvg.Line(line.Backend);
        KernelRow row = _rows[line.Cell];
        int[] known = [.. Enumerable.Range(0, table.Kernels.Count).Where(at => row.Figures[at].PerOp is not null)];
        string path = string.Join('L', known.Select(at => string.Create(CultureInfo.InvariantCulture, $"{X(at):0.#} {Y(row.Figures[at].PerOp!.Value):0.#}")));
        svg.Append($"""<path d="M{path}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" fill="none"/>""").Append('\n');
        foreach (int at in known)
        {
            KernelColumn kernel = table.Kernels[at];
            KernelChange? change = table.Changes.FirstOrDefault(change => change.Cell == line.Cell && change.First == kernel.Name);
            double value = row.Figures[at].PerOp!.Value;
            string title = string.Create(CultureInfo.InvariantCulture, $"{line.Backend} on {kernel.Name}: {KernelTableText.Value(value, table.IsCounted)}")
                + (change is null ? "" : string.Create(CultureInfo.InvariantCulture, $", {change.Percent:+0.0;-0.0} % since {change.Last}"));
            var (radius, fill) = change is null ? (3, "#ffffff") : (4, colour);
            svg.Append(CultureInfo.InvariantCulture, $"""
                <circle cx="{X(at):0.#}" cy="{Y(value):0.#}" r="{radius}" fill="{fill}" stroke="{colour}" stroke-width="1.5">
                <title>{KernelSvg.Escaped(title)}</title></circle>

                """);
        }
    }

    private double X(int at)
    {
        double inner = width - AxisWidth;
        return left + AxisWidth + (inner * (at + 0.5) / table.Kernels.Count);
    }

    private double Y(double value) => top + ((height - AxisHeight) * (1 - ((value - _low) / (_high - _low)))) - 2;

    // 1, 2 or 5 of a decade, so that about so many fit.
    private static double Step(double range)
    {
        double rough = range / Ticks;
        double decade = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return decade * (rough / decade) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
    }

    private string Label(double value, double step) => table.IsCounted && value >= 1000
        ? string.Create(CultureInfo.InvariantCulture, $"{(value / 1000).ToString(step >= 1000 ? "0" : step >= 100 ? "0.0" : "0.00", CultureInfo.InvariantCulture)} k")
        : value.ToString("0.##", CultureInfo.InvariantCulture);
}
