namespace Harness.Load;

/// <summary>How the gaps between intended times are made.</summary>
internal enum ArrivalProcess
{
    /// <summary>All gaps alike.</summary>
    Constant,

    /// <summary>Gaps with an exponential distribution, as of many users who know nothing of each other.</summary>
    Poisson,
}

/// <summary>
/// When requests are to be sent: t0 plus a sum of gaps, in nanoseconds, whatever the server does meanwhile. Constant arrival i is at t0 + i × 10^9 / rate,
/// rounded down, for any i; Poisson gaps are summed with their fractions of a nanosecond, so neither drifts. Remembers one arrival and nothing else: those
/// that wait are not stored but come out of the sequence when there is room.
/// </summary>
internal sealed class ArrivalSchedule
{
    public const long MaxRate = 1_000_000_000;

    private const long SecondNs = 1_000_000_000;

    private readonly ArrivalProcess _process;
    private readonly long _rate;
    private readonly long _gapNs;
    private readonly long _gapRemainder;
    private readonly ulong _seed;
    private SplitMix64 _random;

    // Constant: what rounding down has left over so far, in units of 1 / rate nanoseconds.
    private long _remainder;

    // Poisson: the part of the sum below a nanosecond, 0 to 1.
    private double _fraction;

    /// <param name="process">Constant or Poisson.</param>
    /// <param name="rate">Arrivals per second over all connections, 1 to <see cref="MaxRate"/>.</param>
    /// <param name="seed">Fixes the gaps.</param>
    public ArrivalSchedule(ArrivalProcess process, long rate, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rate, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, MaxRate);
        _process = process;
        _rate = rate;
        _gapNs = SecondNs / rate;
        _gapRemainder = SecondNs % rate;
        _seed = seed;
    }

    /// <summary>The intended time of the arrival whose turn it is.</summary>
    public long NextNs { get; private set; }

    /// <summary>Begins anew at t0: the same seed gives the same gaps every time. A constant schedule has its first arrival at t0 itself.</summary>
    public void Start(long t0Ns)
    {
        // Offsets are drawn from the bare seed; arrivals must not go in step with them.
        _random = new SplitMix64(~_seed);
        _remainder = 0;
        _fraction = 0;
        NextNs = t0Ns;
        if (_process == ArrivalProcess.Poisson)
        {
            Advance();
        }
    }

    /// <summary>Goes on to the arrival after this one.</summary>
    public void Advance()
    {
        if (_process == ArrivalProcess.Constant)
        {
            _remainder += _gapRemainder;
            NextNs += _gapNs;
            if (_remainder >= _rate)
            {
                _remainder -= _rate;
                NextNs++;
            }
        }
        else
        {
            _fraction += _random.NextExponential() * SecondNs / _rate;
            long whole = (long)_fraction;
            _fraction -= whole;
            NextNs += whole;
        }
    }

    /// <summary>Skips what was to come before <paramref name="endNs"/>, and says how many arrivals that were.</summary>
    public long SkipUntil(long endNs)
    {
        long skipped = 0;
        for (; NextNs < endNs; skipped++)
        {
            Advance();
        }

        return skipped;
    }
}
