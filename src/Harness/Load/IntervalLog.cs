using HdrHistogram;

namespace Harness.Load;

/// <summary>
/// Latencies by interval, for the <c>.hlog</c>. Everything is allocated before the measured part: an interval is one second at first, or what was asked
/// for, and when all intervals are used, neighbours are added up and intervals are twice as long from then on.
/// </summary>
internal sealed class IntervalLog
{
    private const long DefaultIntervalNs = 1_000_000_000;

    private readonly LongHistogram[] _intervals;
    private long _intervalNs;
    private long _startNs;
    private long _startUnixMs;
    private long _endNs;
    private int _current;

    /// <param name="intervals">How many to keep, an even number: 64 take 17 MiB.</param>
    /// <param name="intervalNs">How long one is at first; whole milliseconds, since a log tells its times in them.</param>
    public IntervalLog(int intervals = 64, long intervalNs = DefaultIntervalNs)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(intervals % 2, 0);
        _intervalNs = intervalNs;
        _intervals = [.. Enumerable.Range(0, intervals).Select(_ => LatencyHistogram.Create())];
    }

    /// <summary>Where the log begins, on the loop's clock; now, on the wall's.</summary>
    public void Start(long nowNs)
    {
        _startUnixMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        _startNs = nowNs;
        _endNs = nowNs + _intervalNs;
    }

    /// <summary>Takes one latency in nanoseconds that ended at <paramref name="nowNs"/>.</summary>
    public void Record(long latencyNs, long nowNs)
    {
        while (nowNs >= _endNs)
        {
            NextInterval();
        }

        _intervals[_current].RecordValue(latencyNs);
    }

    /// <summary>The intervals that have begun, each with its times; the last ends at <paramref name="endNs"/>.</summary>
    public HistogramBase[] Finish(long endNs)
    {
        for (int i = 0; i <= _current; i++)
        {
            long startNs = i * _intervalNs;
            long stopNs = Math.Max(startNs, Math.Min(startNs + _intervalNs, endNs - _startNs));
            _intervals[i].StartTimeStamp = _startUnixMs + (startNs / 1_000_000);
            _intervals[i].EndTimeStamp = _startUnixMs + (stopNs / 1_000_000);
        }

        return [.. _intervals.Take(_current + 1)];
    }

    /// <summary>All intervals added up.</summary>
    public LongHistogram Sum()
    {
        LongHistogram sum = LatencyHistogram.Create();
        for (int i = 0; i <= _current; i++)
        {
            sum.Add(_intervals[i]);
        }

        return sum;
    }

    private void NextInterval()
    {
        _current++;
        if (_current == _intervals.Length)
        {
            HalveIntervals();
        }

        _endNs = _startNs + ((_current + 1) * _intervalNs);
    }

    private void HalveIntervals()
    {
        for (int i = 0; i < _intervals.Length / 2; i++)
        {
            if (i > 0)
            {
                _intervals[i].Reset();
                _intervals[i].Add(_intervals[2 * i]);
            }

            _intervals[i].Add(_intervals[(2 * i) + 1]);
        }

        for (int i = _intervals.Length / 2; i < _intervals.Length; i++)
        {
            _intervals[i].Reset();
        }

        _current = _intervals.Length / 2;
        _intervalNs *= 2;
    }
}
