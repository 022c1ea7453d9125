using System.Globalization;
using System.Net;
using System.Text;
using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>
/// A piece of a recording as it would be drawn by hand: the write side above the line, the read side below, one lane each, time from left to right. A filled
/// box is the client doing something, a hatched one of the same colour waiting in the middle of something, and a thin line is waiting with nothing begun.
/// </summary>
internal static class TimelineSvg
{
    private const int Width = 1280;
    private const int Left = 70;
    private const int Right = Width - 20;
    private const int LaneHeight = 44;
    private const int WriteTop = 64;
    private const int LineTop = WriteTop + LaneHeight + 8;
    private const int ReadTop = LineTop + 8;
    private const int AxisTop = ReadTop + LaneHeight + 10;
    private const int LegendTop = AxisTop + 46;
    private const int LegendRow = 20;
    private const int Ticks = 8;

    /// <param name="recording">What was recorded.</param>
    /// <param name="shape">Which load it was, in a few words.</param>
    /// <param name="asked">How much time to show; null leaves it open.</param>
    public static string Of(Recording recording, string shape, TimeSpan? asked)
    {
        PictureWindow window = PictureWindow.Of(recording, asked);
        (TimelineSide Side, byte State)[] present =
            [.. Present(TimelineSide.Write, recording.Write, window), .. Present(TimelineSide.Read, recording.Read, window)];
        int height = LegendTop + (LegendRow * (present.Length + 1)) + 10;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" width="{Width}" height="{height}" """);
        svg.AppendLine("font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#1b1f24\">");
        svg.AppendLine("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
        AppendPatterns(svg, present);
        Text(svg, Left, 24, $"{recording.Uri} · {shape}", "font-weight=\"600\"");
        Text(svg, Left, 44, string.Create(CultureInfo.InvariantCulture, $"{window.LengthNs / 1e3:n1} µs from the middle of {recording.Seconds * 1e3:n1} ms"), "fill=\"#57606a\"");
        AppendLane(svg, TimelineSide.Write, recording.Write, window, WriteTop);
        AppendLane(svg, TimelineSide.Read, recording.Read, window, ReadTop);
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{Left}" y1="{LineTop}" x2="{Right}" y2="{LineTop}" stroke="#1b1f24" stroke-width="1.5"/>""");
        AppendAxis(svg, window);
        AppendLegend(svg, recording, present);
        return svg.AppendLine("</svg>").ToString();
    }

    private static IEnumerable<(TimelineSide Side, byte State)> Present(TimelineSide side, SideHistory history, PictureWindow window) =>
        from interval in history.Intervals
        where window.Cut(interval) is not null
        group interval by interval.State into state
        orderby state.Key
        select (side, state.Key);

    private static void AppendPatterns(StringBuilder svg, (TimelineSide Side, byte State)[] present)
    {
        foreach ((TimelineSide side, byte state) in present.Where(state => !IsIdle(state.Side, state.State)))
        {
            string colour = Colour(side, state);
            svg.AppendLine($"""<pattern id="{Id(side, state)}" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">"""
                + $"""<rect width="7" height="7" fill="#ffffff"/><rect width="3" height="7" fill="{colour}" fill-opacity="0.55"/></pattern>""");
        }
    }

    private static void AppendLane(StringBuilder svg, TimelineSide side, SideHistory history, PictureWindow window, int top)
    {
        bool isWrite = side == TimelineSide.Write;
        Text(svg, Left - 10, top + (LaneHeight / 2) + 5, isWrite ? "write" : "read", "text-anchor=\"end\" font-weight=\"600\"");
        foreach (SideInterval interval in history.Intervals)
        {
            if (window.Cut(interval) is not { } cut)
            {
                continue;
            }

            double x = X(window, cut.StartNs);
            double width = Math.Max(X(window, cut.EndNs) - x, 0.5);
            (string name, string sentence, string waitsFor) = StateFigures.Words(side, interval.State);
            string title = Escaped(string.Create(CultureInfo.InvariantCulture,
                $"{name}: {(interval.IsWaiting ? $"waits for {waitsFor}" : sentence)}, {(cut.EndNs - cut.StartNs) / 1e3:n1} µs"));
            bool isLine = interval.IsWaiting && IsIdle(side, interval.State);
            int lineTop = isWrite ? top + LaneHeight - 3 : top;
            string fill = interval.IsWaiting && !isLine ? $"url(#{Id(side, interval.State)})" : Colour(side, interval.State);
            svg.AppendLine(CultureInfo.InvariantCulture, $"""
                <rect x="{x:0.##}" y="{(isLine ? lineTop : top)}" width="{width:0.##}" height="{(isLine ? 3 : LaneHeight)}" fill="{fill}">
                <title>{title}</title></rect>
                """);
        }
    }

    private static void AppendAxis(StringBuilder svg, PictureWindow window)
    {
        for (int tick = 0; tick <= Ticks; tick++)
        {
            double x = Left + ((Right - Left) * tick / (double)Ticks);
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{x:0.##}" y1="{AxisTop}" x2="{x:0.##}" y2="{AxisTop + 5}" stroke="#57606a"/>""");
            string label = string.Create(CultureInfo.InvariantCulture, $"{window.LengthNs / 1e3 * tick / Ticks:n1}{(tick == Ticks ? " µs" : "")}");
            Text(svg, x, AxisTop + 20, label, $"fill=\"#57606a\" text-anchor=\"{(tick == Ticks ? "end" : "middle")}\"");
        }
    }

    private static void AppendLegend(StringBuilder svg, Recording recording, (TimelineSide Side, byte State)[] present)
    {
        Dictionary<(string, string), StateFigures> figures = recording.Document().States.ToDictionary(state => (state.Side, state.State));
        Text(svg, Left, LegendTop, "filled: does something · hatched: waits in the middle of it · thin line: waits, with nothing begun", "fill=\"#57606a\"");
        for (int i = 0; i < present.Length; i++)
        {
            (TimelineSide side, byte state) = present[i];
            int y = LegendTop + (LegendRow * (i + 1));
            (string name, string sentence, string waitsFor) = StateFigures.Words(side, state);
            string sideName = side == TimelineSide.Write ? "write" : "read";
            string share = figures.TryGetValue((sideName, name), out StateFigures? found)
                ? string.Create(CultureInfo.InvariantCulture, $", {found.Share * 100:0.0} % of the time, {(found.TotalUs > 0 ? found.WaitedUs / found.TotalUs * 100 : 0):0} % of that waiting for {waitsFor}")
                : "";
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{Left}" y="{y - 11}" width="22" height="13" fill="{Colour(side, state)}"/>""");
            Text(svg, Left + 30, y, $"{sideName} · {name}: {sentence}{share}", "");
        }
    }

    // Waiting in these is having nothing to do, and not being stopped in the middle of something.
    private static bool IsIdle(TimelineSide side, byte state) => side == TimelineSide.Write
        ? (WriteState)state is WriteState.NotStarted or WriteState.Ready or WriteState.Gathering or WriteState.Ended
        : (ReadState)state is ReadState.NotStarted or ReadState.ReplyHeader or ReadState.Ended;

    private static string Colour(TimelineSide side, byte state) => side == TimelineSide.Write
        ? (WriteState)state switch
        {
            WriteState.Sending => "#0969da",
            WriteState.SendingRest => "#bc4c00",
            WriteState.Full => "#cf222e",
            WriteState.Paused => "#8250df",
            WriteState.Gathering => "#54aeff",
            WriteState.Disconnecting => "#57606a",
            _ => "#8c959f",
        }
        : (ReadState)state switch
        {
            ReadState.Payload => "#1a7f37",
            ReadState.PayloadDirect => "#0a8a8a",
            ReadState.PayloadDropped => "#57606a",
            ReadState.ChunkHead => "#9a6700",
            ReadState.Extents => "#bf3989",
            ReadState.ErrorText => "#cf222e",
            ReadState.ReplyHeader => "#6fbf73",
            _ => "#8c959f",
        };

    private static string Id(TimelineSide side, byte state) => $"{(side == TimelineSide.Write ? "w" : "r")}{state}";

    private static double X(PictureWindow window, long timeNs) => Left + ((Right - Left) * ((timeNs - window.StartNs) / (double)window.LengthNs));

    private static void Text(StringBuilder svg, double x, int y, string text, string attributes) =>
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{x:0.##}" y="{y}" {attributes}>{Escaped(text)}</text>""");

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);
}
