using HdrHistogram;
using Harness.Io;
using Harness.Load;

namespace Harness.Events;

/// <summary>
/// One loop with many timers. Most are deadlines that never come: armed, and cancelled a tenth of a second later, as a server does for each request. A few are
/// really due, at random instants, and tell how late their handlers are called.
/// </summary>
internal sealed class TimerLoad : ITimerHandler, IDisposable
{
    /// <summary>Timers that are due per second.</summary>
    public const int FiringPerSecond = 1000;

    private const int FiringTimers = 100;
    private const double MeanGapNs = 1e9 * FiringTimers / FiringPerSecond;

    // How often deadlines are armed and cancelled: a batch of what has become due since.
    private const long TickNs = 1_000_000;

    // Share of a second for which a deadline is held, and how far ahead it lies: never reached, whatever the machine does.
    private const int HeldPart = 10;
    private const long LeastAheadNs = 30_000_000_000;
    private const ulong SpreadNs = 30_000_000_000;

    private readonly long _rate;
    private readonly LoopTimer[] _deadlines;
    private readonly LoopTimer[] _firing;
    private readonly LoopTimer _tick;
    private SplitMix64 _random;
    private int _oldest;
    private long _startNs;
    private long _durationNs;
    private long _done;
    private bool _ended;

    /// <summary>A loop on the calling thread, which alone may use it.</summary>
    public TimerLoad(string backend, long rate, ulong seed)
    {
        _rate = rate;
        _random = new SplitMix64(seed);
        Loop = EventBackends.Open(backend);
        _tick = new LoopTimer(this);
        _deadlines = [.. Enumerable.Range(0, (int)Math.Max(1, rate / HeldPart)).Select(_ => new LoopTimer(this))];
        _firing = [.. Enumerable.Range(0, FiringTimers).Select(_ => new LoopTimer(this))];
    }

    public EventLoop Loop { get; }

    /// <summary>Deadlines that run at any time.</summary>
    public int Running => _deadlines.Length;

    public TimerTotals Totals { get; private set; } = new();

    /// <summary>From the instant at which a timer was due to the call of its handler, in nanoseconds.</summary>
    public LongHistogram LatenessNs { get; } = LatencyHistogram.Create();

    /// <summary>Runs for so long, and adds that to what is known.</summary>
    public void Run(TimeSpan duration)
    {
        Begin((long)duration.TotalNanoseconds);
        CpuUsage cpu = ThreadUsage.Now();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        int collections = GC.CollectionCount(0);
        while (!_ended)
        {
            Loop.RunOnce();
        }

        long tookNs = Loop.NowNs - _startNs;
        Totals.AllocatedBytes += GC.GetAllocatedBytesForCurrentThread() - allocated;
        Totals.Collections += GC.CollectionCount(0) - collections;
        Totals.CpuUs += (ThreadUsage.Now() - cpu).CpuUs;
        Totals.Ns += tookNs;
        Totals.Armed += _done;
        Totals.Cancelled += _done;
        Totals.Slices++;
        End();
    }

    /// <summary>Forgets what was measured: it was the warm-up.</summary>
    public void Forget()
    {
        Totals = new TimerTotals();
        LatenessNs.Reset();
    }

    public void OnTimer(LoopTimer timer)
    {
        long nowNs = Loop.NowNs;
        if (timer == _tick)
        {
            Tick(nowNs);
            return;
        }

        long lateNs = nowNs - timer.DueNs;
        Totals.Early += lateNs < 0 ? 1 : 0;
        LatenessNs.RecordValue(Math.Max(0, lateNs));
        StartNext(timer, timer.DueNs);
    }

    public void Dispose() => Loop.Dispose();

    private void Begin(long durationNs)
    {
        _ended = false;
        _done = 0;
        _durationNs = durationNs;
        _startNs = Loop.NowNs;
        foreach (LoopTimer deadline in _deadlines)
        {
            Arm(deadline, _startNs);
        }

        _startNs = Loop.NowNs;
        foreach (LoopTimer timer in _firing)
        {
            StartNext(timer, _startNs);
        }

        Loop.StartTimer(_tick, _startNs + TickNs);
    }

    private void End()
    {
        foreach (LoopTimer timer in (LoopTimer[])[_tick, .. _firing, .. _deadlines])
        {
            Loop.StopTimer(timer);
        }
    }

    /// <summary>Cancels and arms as many as the rate asks for by now, however late this is.</summary>
    private void Tick(long nowNs)
    {
        long sinceNs = Math.Min(nowNs - _startNs, _durationNs);
        long due = (long)(_rate * (sinceNs / 1e9));
        for (; _done < due; _done++)
        {
            LoopTimer oldest = _deadlines[_oldest];
            _oldest = _oldest + 1 < _deadlines.Length ? _oldest + 1 : 0;
            Loop.StopTimer(oldest);
            Arm(oldest, nowNs);
        }

        Totals.BatchNs += Loop.NowNs - nowNs;
        _ended = sinceNs >= _durationNs;
        long nextNs = nowNs + TickNs - ((nowNs - _startNs) % TickNs);
        Loop.StartTimer(_tick, Math.Min(nextNs, _startNs + _durationNs));
    }

    private void Arm(LoopTimer deadline, long nowNs) => Loop.StartTimer(deadline, nowNs + LeastAheadNs + (long)_random.Below(SpreadNs));

    // After when it was due, not after when it was called: what comes late delays nothing, and a stall is late for all that fell into it.
    private void StartNext(LoopTimer timer, long sinceNs) => Loop.StartTimer(timer, sinceNs + 1 + (long)(_random.NextExponential() * MeanGapNs));
}

/// <summary>What the slices of one backend come to.</summary>
internal sealed class TimerTotals
{
    public int Slices { get; set; }
    public long Ns { get; set; }
    public long Armed { get; set; }
    public long Cancelled { get; set; }
    public long Early { get; set; }
    public long AllocatedBytes { get; set; }
    public int Collections { get; set; }
    public long CpuUs { get; set; }

    /// <summary>Time spent on arming and cancelling itself.</summary>
    public long BatchNs { get; set; }
}
