using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>A stretch of time in which one side was in one state and either waited or did something.</summary>
/// <param name="StartNs">On the loop's clock.</param>
/// <param name="EndNs">After <paramref name="StartNs"/>.</param>
/// <param name="State">A <see cref="ReadState"/> or a <see cref="WriteState"/>, by the side.</param>
/// <param name="IsWaiting">True where nothing of the client ran for this side: the kernel, the server or the caller had to do something first.</param>
internal readonly record struct SideInterval(long StartNs, long EndNs, byte State, bool IsWaiting);

/// <summary>A stay in one state, from the move into it to the move out of it.</summary>
internal readonly record struct SideVisit(long StartNs, long EndNs, byte State, long WaitedNs);

/// <summary>What one side did: the stays in its states, and within them when it waited.</summary>
internal sealed class SideHistory
{
    private readonly List<SideInterval> _intervals = [];
    private readonly List<SideVisit> _visits = [];
    private readonly TimelineSide _side;
    private byte _state;
    private bool _waiting;
    private long _sinceNs;
    private long _visitNs;
    private long _waitedNs;
    private ulong _moved;

    private SideHistory(TimelineSide side)
    {
        _side = side;
    }

    /// <summary>Stretches of more than no time, in their order, without a gap.</summary>
    public IReadOnlyList<SideInterval> Intervals => _intervals;

    /// <summary>Stays that have ended, also those of no time. A reply without data is a stay of its own in <see cref="ReadState.ReplyHeader"/>.</summary>
    public IReadOnlyList<SideVisit> Visits => _visits;

    /// <param name="timeline">What was recorded.</param>
    /// <param name="side">Of which side.</param>
    /// <param name="startNs">When the recording began; where the ring has lost entries, what is known begins with the first that is left.</param>
    public static SideHistory Of(ClientTimeline timeline, TimelineSide side, long startNs)
    {
        var history = new SideHistory(side);
        bool begun = false;
        for (int i = 0; i < timeline.Count; i++)
        {
            TimelineEntry entry = timeline[i];
            if (entry.Side != side)
            {
                continue;
            }

            if (!begun)
            {
                history.Begin(timeline.Lost == 0 ? startNs : entry.TimeNs, entry.From);
                begun = true;
            }

            history.Take(entry);
        }

        return history;
    }

    private void Begin(long startNs, byte state)
    {
        _sinceNs = _visitNs = startNs;
        _state = state;

        // Nothing is in flight at the beginning, so the read side has its receive out, and the write side waits for the caller.
        _waiting = true;
    }

    private void Take(in TimelineEntry entry)
    {
        if (entry.TimeNs > _sinceNs)
        {
            _intervals.Add(new SideInterval(_sinceNs, entry.TimeNs, _state, _waiting));
            _waitedNs += _waiting ? entry.TimeNs - _sinceNs : 0;
            _sinceNs = entry.TimeNs;
        }

        if (entry.IsMove)
        {
            EndVisit(entry.TimeNs);
            _state = entry.To;
            _waiting = WaitsByItself(_side, entry.To);
            _moved = entry.Cookie;
        }
        else if (entry.IsRequest && _side == TimelineSide.Read)
        {
            // The move out of a READ's data has ended a stay already.
            if (entry.Cookie != _moved)
            {
                EndVisit(entry.TimeNs);
            }

            _moved = 0;
        }
        else if (entry.BeginsWait)
        {
            _waiting = true;
        }
        else if (entry.EndsWait)
        {
            _waiting = false;
        }
    }

    private void EndVisit(long nowNs)
    {
        _visits.Add(new SideVisit(_visitNs, nowNs, _state, _waitedNs));
        _visitNs = nowNs;
        _waitedNs = 0;
    }

    // States in which the side has asked nothing of the kernel: it waits for others all the time that it is in them.
    private static bool WaitsByItself(TimelineSide side, byte state) => side == TimelineSide.Write
        && (WriteState)state is WriteState.Ready or WriteState.Gathering or WriteState.Full or WriteState.Paused;
}
