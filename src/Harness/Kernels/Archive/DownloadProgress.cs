using System.Diagnostics;
using System.Globalization;

namespace Harness.Kernels.Archive;

/// <summary>How far a download is: one line on a terminal, drawn anew four times a second and erased at the end; elsewhere a line every ten seconds.</summary>
/// <param name="messages">Where it goes.</param>
/// <param name="terminal">Whether that is a terminal.</param>
internal sealed class DownloadProgress(TextWriter messages, bool terminal)
{
    private const string EraseLine = "\r\x1b[2K";

    private static readonly TimeSpan s_terminalEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_plainEvery = TimeSpan.FromSeconds(10);

    private long _shown = Stopwatch.GetTimestamp();

    public static DownloadProgress ToStderr() =>
        new(Console.Error, !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb"));

    public void Show(string name, long bytes, long of)
    {
        if (Stopwatch.GetElapsedTime(_shown) < (terminal ? s_terminalEvery : s_plainEvery))
        {
            return;
        }
        _shown = Stopwatch.GetTimestamp();
        string line = string.Create(CultureInfo.InvariantCulture, $"{name}  {bytes / 1e6:0.0} of {of / 1e6:0.0} MB  {100.0 * bytes / of:0} %");
        messages.Write(terminal ? EraseLine + line : line + "\n");
        messages.Flush();
    }

    public void Say(string line)
    {
        Erase();
        messages.WriteLine(line);
    }

    public void Erase()
    {
        if (terminal)
        {
            messages.Write(EraseLine);
            messages.Flush();
        }
    }
}
