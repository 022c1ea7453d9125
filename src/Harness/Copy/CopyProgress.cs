using System.Globalization;
using Harness.Io;

namespace Harness.Copy;

/// <summary>
/// How far a copy has come, on stderr: a bar that is erased when done, or where stderr is no terminal a plain line every few seconds, so that a short copy says
/// nothing. Drawn on the copy's own loop.
/// </summary>
internal sealed class CopyProgress : ITimerHandler
{
    private const string EraseLine = "\r\x1b[2K";
    private const int BarWidth = 32;
    private const long BarNs = 100_000_000;
    private const long LineNs = 5_000_000_000;

    private readonly EventLoop _loop;
    private readonly TextWriter _writer;
    private readonly int? _width;
    private readonly LoopTimer _timer;
    private Func<ulong> _done = () => 0;
    private ulong _total = 1;
    private string _what = "";
    private long _startNs;

    /// <param name="loop">The copy's.</param>
    /// <param name="writer">Where it is drawn.</param>
    /// <param name="width">Columns of the terminal; null where it is none.</param>
    public CopyProgress(EventLoop loop, TextWriter writer, int? width)
    {
        _loop = loop;
        _writer = writer;
        _width = width;
        _timer = new LoopTimer(this);
    }

    /// <summary>To stderr, as a bar where that is a terminal.</summary>
    public static CopyProgress OnStderr(EventLoop loop)
    {
        bool terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        return new CopyProgress(loop, Console.Error, terminal ? Console.WindowWidth : null);
    }

    /// <summary>A part of the work begins.</summary>
    /// <param name="what">In a word.</param>
    /// <param name="total">Bytes, 1 or more.</param>
    /// <param name="done">How many are done.</param>
    public void Begin(string what, ulong total, Func<ulong> done)
    {
        (_what, _total, _done) = (what, total, done);
        _startNs = _loop.NowNs;
        Arm();
    }

    /// <summary>The part is over; the bar is taken away.</summary>
    public void End()
    {
        _loop.StopTimer(_timer);
        if (_width is not null)
        {
            _writer.Write(EraseLine);
            _writer.Flush();
        }
    }

    public void OnTimer(LoopTimer timer)
    {
        Draw();
        Arm();
    }

    private void Arm() => _loop.StartTimer(_timer, _loop.NowNs + (_width is null ? LineNs : BarNs));

    private void Draw()
    {
        ulong done = _done();
        double seconds = (_loop.NowNs - _startNs) / 1e9;
        double share = Math.Min(1, done / (double)_total);
        string left = done > 0 ? string.Create(CultureInfo.InvariantCulture, $", {seconds / share * (1 - share):0} s left") : "";
        string figures = string.Create(CultureInfo.InvariantCulture,
            $"{share * 100:0} %  {_what} {done >> 20:n0} of {_total >> 20:n0} MiB, {(seconds > 0 ? done / seconds / (1 << 20) : 0):n0} MiB/s{left}");
        if (_width is not { } width)
        {
            _writer.WriteLine($"harness copy: {figures}");
            return;
        }

        int filled = (int)(BarWidth * share);
        string line = $"[{new string('=', filled)}{new string(' ', BarWidth - filled)}] {figures}";
        _writer.Write(EraseLine + (line.Length < width ? line : line[..Math.Max(0, width - 1)]));
        _writer.Flush();
    }
}
