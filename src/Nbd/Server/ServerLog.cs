namespace Harness.Nbd;

/// <summary>
/// The server's log: one line per event, and no more than a bounded number per second, so that no peer can fill a disk or hold up a loop with what it does
/// wrong. Any thread may write.
/// </summary>
/// <param name="write">Takes a line without its end. Called under a lock, one line at a time.</param>
public sealed class ServerLog(Action<string> write)
{
    /// <summary>Lines let through in one second.</summary>
    public const int MaxLinesPerSecond = 20;

    private readonly Lock _lock = new();
    private long _second;
    private int _lines;
    private int _notices;
    private long _suppressed;

    /// <summary>Writes one line, or counts it where there were too many in this second.</summary>
    public void Line(string line) => Take(line, ref _lines);

    /// <summary>As <see cref="Line"/>, with a bound of its own: that a state has changed is not left out because requests fail by thousands.</summary>
    public void Notice(string line) => Take(line, ref _notices);

    /// <summary>Says how many lines were left out, if any were; for the end of the server.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            TellSuppressed();
        }
    }

    private void Take(string line, ref int count)
    {
        lock (_lock)
        {
            long second = Environment.TickCount64 / 1000;
            if (second != _second)
            {
                _second = second;
                _lines = 0;
                _notices = 0;
                TellSuppressed();
            }

            if (count++ < MaxLinesPerSecond)
            {
                Write(line);
            }
            else
            {
                _suppressed++;
            }
        }
    }

    /// <summary>A log that cannot be written, for want of space or of a reader, must not end the loop that wanted to tell something.</summary>
    private void Write(string line)
    {
        try
        {
            write(line);
        }
        catch (IOException)
        {
            _suppressed++;
        }
    }

    private void TellSuppressed()
    {
        if (_suppressed > 0)
        {
            string line = $"{_suppressed} more lines were left out";
            _suppressed = 0;
            Write(line);
        }
    }
}
