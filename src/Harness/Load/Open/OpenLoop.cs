using Harness.Io;

namespace Harness.Load;

/// <summary>
/// Sends at the schedule's times and not when the server is done. An arrival whose time has come takes a free slot, from the connections in turn; where
/// there is none it waits in the schedule, keeps its intended time, and goes out, oldest first, as slots come free. Nothing is allocated and nothing
/// stored per waiting arrival. On the loop's thread.
/// </summary>
internal sealed class OpenLoop(EventLoop loop, LoadSession session, ArrivalSchedule schedule, LoadConnection[] connections) : ITimerHandler
{
    private LoopTimer? _timer;
    private int _turn;
    private int _freeSlots;
    private long _startNs;
    private long _endNs;
    private long _giveUpNs;
    private long _sent;
    private bool _gaveUp;

    /// <summary>Whether an arrival is still to be sent.</summary>
    public bool HasMore => session.MaySend && schedule.NextNs < _endNs && !_gaveUp;

    /// <summary>Begins a phase with every slot free.</summary>
    /// <param name="startNs">t0.</param>
    /// <param name="endNs">Arrivals from here on are not part of the phase; long.MaxValue where the session counts operations.</param>
    /// <param name="giveUpNs">Arrivals of the phase that still wait at this time are given up.</param>
    public void Start(long startNs, long endNs, long giveUpNs)
    {
        _timer ??= new LoopTimer(this);
        _startNs = startNs;
        _endNs = endNs;
        _giveUpNs = giveUpNs;
        _sent = 0;
        _gaveUp = false;
        _freeSlots = 0;
        foreach (LoadConnection connection in connections)
        {
            connection.FreeAll();
            _freeSlots += connection.FreeSlots;
        }

        schedule.Start(startNs);
        SendDue(loop.NowNs);
    }

    /// <summary>A request has ended.</summary>
    public void Freed(LoadSlot slot, long nowNs)
    {
        slot.Connection.Free(slot);
        _freeSlots++;
        SendDue(nowNs);
    }

    public void OnTimer(LoopTimer timer) => SendDue(loop.NowNs);

    /// <summary>What came of the phase, once nothing is in flight any more.</summary>
    /// <param name="lastSentNs">When the last request was sent.</param>
    /// <param name="keepsGrowing">From <see cref="LatencyGrowth"/>.</param>
    public OpenLoopFigures Figures(long lastSentNs, bool keepsGrowing)
    {
        long unsent = _endNs == long.MaxValue ? 0 : schedule.SkipUntil(_endNs);
        // A phase of a number of operations ends where the next one would have come.
        long scheduleNs = Math.Max(1, (_endNs == long.MaxValue ? schedule.NextNs : _endNs) - _startNs);
        return OpenLoopFigures.Of(_sent, unsent, scheduleNs, lastSentNs - _startNs, keepsGrowing);
    }

    private void SendDue(long nowNs)
    {
        while (schedule.NextNs <= nowNs && _freeSlots > 0 && HasMore)
        {
            if (nowNs >= _giveUpNs)
            {
                _gaveUp = true;
                return;
            }

            LoadSlot slot = TakeFree();
            slot.IntendedNs = schedule.NextNs;
            schedule.Advance();
            _sent++;
            session.Send(slot);
        }

        if (schedule.NextNs > nowNs && HasMore && !(_timer!.IsRunning && _timer.DueNs == schedule.NextNs))
        {
            loop.StartTimer(_timer, schedule.NextNs);
        }
    }

    private LoadSlot TakeFree()
    {
        _freeSlots--;
        while (true)
        {
            LoadConnection connection = connections[_turn];
            _turn = _turn + 1 == connections.Length ? 0 : _turn + 1;
            if (connection.FreeSlots > 0)
            {
                return connection.TakeFree();
            }
        }
    }
}
