using System.Runtime.CompilerServices;

namespace Harness.Io;

/// <content>Having nothing to do: sleeping, spinning, and being woken by other threads.</content>
public sealed partial class EventLoop
{
    // Reading the clock at every spin would cost more than the look at the queue does, as long as nothing is due soon: 32 looks of a backend that makes a
    // system call for each take tens of microseconds, and of poll with a thousand descriptors milliseconds.
    private const int SpinsPerClockRead = 32;
    private const long SoonNs = 10_000_000;

    /// <summary>True with something at hand that needs no look at the kernel and no clock.</summary>
    private bool HasWork
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _readyHead is not null || _readyFdHead is not null || _immediateHead is not null || _endedHead is not null || _postedRunning is not null
            || Volatile.Read(ref _posted) is not null || Volatile.Read(ref _signalled) || Volatile.Read(ref _stopping);
    }

    /// <summary>Waits until there is work, a timer is due or the time is up: nanoseconds, -1 without limit.</summary>
    private void WaitForWork(long limitNs, int maxEvents)
    {
        long sleepNs = SleepNs(limitNs);
        if (Wait != WaitMode.Block && sleepNs != 0)
        {
            SpinForWork(ref sleepNs, maxEvents);
        }

        if (sleepNs == 0 || !MaySleep())
        {
            _backend.Wait(0, maxEvents);
            return;
        }

        if (Wait == WaitMode.Block && Gathering is { } gathering)
        {
            LetGather(gathering, ref sleepNs);
        }

        _counters.Sleeps += sleepNs != 0 ? 1 : 0;
        _backend.Wait(sleepNs, maxEvents);
        Volatile.Write(ref _sleeping, 0);
    }

    /// <summary>Begins a sleep with a pause where that pays, and no timer is due before its end. Leaves in sleepNs what is left to sleep.</summary>
    private void LetGather(Gathering gathering, ref long sleepNs)
    {
        long pauseNs = gathering.BeforeSleep(_backend, Tally.MessagesPerReceive.Total);
        if (pauseNs > 0 && (sleepNs < 0 || sleepNs > pauseNs))
        {
            _backend.Gather(pauseNs);
            sleepNs = HasWork ? 0 : sleepNs < 0 ? -1 : sleepNs - pauseNs;
        }

        _backend.HoldsReceives = pauseNs > 0;
    }

    /// <summary>How long the kernel may sleep: not at all with work at hand, until the next timer, or for ever (-1).</summary>
    private long SleepNs(long limitNs)
    {
        if (limitNs == 0 || _turnEndCount > 0 || HasWork)
        {
            return 0;
        }

        if (_timers.Count == 0)
        {
            return limitNs;
        }

        long untilTimerNs = Math.Max(0, _timers.NextDueNs - _backend.NowNs);
        return limitNs < 0 ? untilTimerNs : Math.Min(limitNs, untilTimerNs);
    }

    /// <summary>An instant and a time of 0 or more after it, but no later than the clock can say.</summary>
    private static long Later(long nowNs, long timeNs) => timeNs > long.MaxValue - nowNs ? long.MaxValue : nowNs + timeNs;

    /// <summary>Looks without sleeping until there is work, or in adaptive mode until its patience ends. Leaves in sleepNs what is left to sleep.</summary>
    private void SpinForWork(ref long sleepNs, int maxEvents)
    {
        long nowNs = _backend.NowNs;
        long dueNs = sleepNs < 0 ? long.MaxValue : Later(nowNs, sleepNs);
        long untilNs = Wait == WaitMode.Spin ? long.MaxValue : nowNs + AdaptiveSpinNs;
        int spinsPerClockRead = dueNs - nowNs < SoonNs ? 1 : SpinsPerClockRead;
        for (int spins = 1; ; spins++)
        {
            _backend.Wait(0, maxEvents);
            _counters.Looks++;
            if (HasWork)
            {
                sleepNs = 0;
                return;
            }

            if (spins < spinsPerClockRead)
            {
                continue;
            }

            spins = 0;
            nowNs = _backend.NowNs;
            spinsPerClockRead = dueNs - nowNs < SoonNs ? 1 : SpinsPerClockRead;
            if (nowNs >= dueNs || nowNs >= untilNs)
            {
                sleepNs = dueNs == long.MaxValue ? -1 : Math.Max(0, dueNs - nowNs);
                return;
            }
        }
    }

    /// <summary>
    /// Announces the sleep, then looks once more for what other threads hand over. The fence pairs with the one in <see cref="WakeIfSleeping"/>: either the
    /// other thread sees us asleep, or we see its work.
    /// </summary>
    private bool MaySleep()
    {
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _posted) is null && !Volatile.Read(ref _signalled) && !Volatile.Read(ref _stopping))
        {
            return true;
        }

        Volatile.Write(ref _sleeping, 0);
        return false;
    }

    private void WakeIfSleeping()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _sleeping) == 1 && Interlocked.Exchange(ref _sleeping, 0) == 1)
        {
            _backend.Wake();
        }
    }
}
