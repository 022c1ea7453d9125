using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Requests of one loop that wait, each for its time, before they go on to a block. Whoever comes later goes on later, so it is a list and one timer, however
/// many wait: nothing is allocated for a request, and no thread waits for it. While a drain holds what is behind the line, it stands still. All members are
/// for the loop's thread.
/// </summary>
internal sealed class WaitingLine : ITimerHandler, IGateWaiter
{
    private readonly BlockLoop _home;
    private readonly EventLoop _loop;
    private readonly BlockEdge _next;
    private readonly bool _keepsPace;
    private readonly LoopTimer _timer;
    private BlockRequest? _head;
    private BlockRequest? _tail;
    private long _stoppedNs;

    /// <param name="home">The loop.</param>
    /// <param name="next">Where requests go on.</param>
    /// <param name="keepsPace">After a drain they go on as far from each other as they were to; else those that are due by then go on at once.</param>
    public WaitingLine(BlockLoop home, BlockEdge next, bool keepsPace)
    {
        _home = home;
        _loop = home.Loop;
        _next = next;
        _keepsPace = keepsPace;
        _timer = new LoopTimer(this);
    }

    /// <summary>A request goes on at once where it may and nobody waits before it; elsewhere it begins to wait.</summary>
    public void PassWhenDue(BlockRequest request, long dueNs, long nowNs)
    {
        if (_tail is null && dueNs <= nowNs)
        {
            request.PassTo(_next);
        }
        else
        {
            Add(request, dueNs);
        }
    }

    /// <summary>A request begins to wait.</summary>
    /// <param name="request">The request.</param>
    /// <param name="dueNs">When it may go on, on the loop's clock; where one before it has to wait for longer, it does too.</param>
    public void Add(BlockRequest request, long dueNs)
    {
        if (_tail is null)
        {
            request.DueNs = dueNs;
            _head = request;
            _loop.StartTimer(_timer, dueNs);
        }
        else
        {
            request.DueNs = Math.Max(dueNs, _tail.DueNs);
            _tail.Next = request;
        }

        _tail = request;
    }

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer)
    {
        long nowNs = _loop.NowNs;
        if (_next.IsGated && _next.GateOf(_home) is { IsClosed: true } gate)
        {
            _stoppedNs = nowNs;
            gate.TellWhenOpen(this);
        }
        else
        {
            LetGoOn(nowNs);
        }
    }

    /// <inheritdoc/>
    public void OnGateOpen()
    {
        long stoodNs = _keepsPace ? _loop.NowNs - _stoppedNs : 0;
        for (BlockRequest? request = stoodNs > 0 ? _head : null; request is not null; request = request.Next)
        {
            request.DueNs += stoodNs;
        }

        _loop.StartTimer(_timer, _head!.DueNs);
    }

    private void LetGoOn(long nowNs)
    {
        // By one reading of the clock: requests that come due while others go on take the next turn, so that this one ends.
        while (_head is { } request && request.DueNs <= nowNs)
        {
            _head = request.Next;
            _tail = _head is null ? null : _tail;
            request.Next = null;
            request.PassTo(_next);
        }

        if (_head is not null)
        {
            _loop.StartTimer(_timer, _head.DueNs);
        }
    }
}
