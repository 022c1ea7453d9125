using System.Globalization;

namespace Harness.Run;

/// <summary>
/// Where a run is, on stderr: a bar with an ETA that is erased when done, or one plain line per cell where stderr is not a terminal.
/// Drawn only between measurements, never by a timer: on a small machine, drawing would take time from the CPUs that are measured.
/// </summary>
internal sealed class RunProgress(TextWriter writer, bool terminal, int width, int total)
{
    private const string EraseLine = "\r\x1b[2K";
    private const int BarWidth = 24;

    /// <summary>Draws a bar where messages go to stderr and that is a terminal; else plain lines.</summary>
    public static RunProgress Of(TextWriter messages, int total)
    {
        var terminal = messages == Console.Error && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        return new RunProgress(messages, terminal, terminal ? Console.WindowWidth : int.MaxValue, total);
    }

    private TimeSpan _spent;
    private int _done;

    /// <summary>A cell begins.</summary>
    public void Begin(int round, string cellId, TimeSpan expected) => Begin(Round(round), cellId, expected);

    /// <inheritdoc cref="Begin(int, string, TimeSpan)"/>
    public void Begin(string part, string cellId, TimeSpan expected)
    {
        if (!terminal)
        {
            return;
        }
        var perCell = _done == 0 ? expected : _spent / _done;
        var filled = BarWidth * _done / total;
        var bar = new string('=', filled) + new string(' ', BarWidth - filled);
        var line = string.Create(CultureInfo.InvariantCulture, $"[{bar}] {_done}/{total}  {Eta(perCell * (total - _done))} left  {part}  {cellId}");
        writer.Write(EraseLine + (line.Length < width ? line : line[..Math.Max(0, width - 1)]));
        writer.Flush();
    }

    /// <summary>A cell has ended; <paramref name="summary"/> says how, in a few words.</summary>
    public void End(int round, string cellId, TimeSpan spent, string summary) => End(Round(round), cellId, spent, summary);

    /// <inheritdoc cref="End(int, string, TimeSpan, string)"/>
    public void End(string part, string cellId, TimeSpan spent, string summary)
    {
        _spent += spent;
        _done++;
        if (!terminal)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_done}/{total}  {Eta(_spent / _done * (total - _done))} left  {part}  {cellId}  {summary}"));
        }
    }

    /// <summary>A line that stays, above the bar.</summary>
    public void Say(string line)
    {
        Erase();
        writer.WriteLine(line);
    }

    /// <summary>Takes the bar away.</summary>
    public void Erase()
    {
        if (terminal)
        {
            writer.Write(EraseLine);
            writer.Flush();
        }
    }

    private static string Round(int round) => string.Create(CultureInfo.InvariantCulture, $"round {round}");

    private static string Eta(TimeSpan left) => left.TotalMinutes >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)left.TotalMinutes}m{left.Seconds:00}s")
        : string.Create(CultureInfo.InvariantCulture, $"{left.TotalSeconds:0}s");
}
