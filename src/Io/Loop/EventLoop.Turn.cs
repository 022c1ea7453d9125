namespace Harness.Io;

/// <content>What a turn does with what is there: handlers, in their order.</content>
/// <remarks>
/// Any handler may run the loop again. So nothing that waits for its turn is held in a local variable meanwhile: each list is taken from one by one, and the
/// inner run goes on where the outer one is.
/// </remarks>
public sealed partial class EventLoop
{
    // How often handlers may make new completions before the kernel is asked again: a handler that always finds more to do must not starve the others.
    private const int PassesPerTurn = 16;

    private IoOperation? _readyHead;
    private IoOperation? _readyTail;
    private int _readyCount;
    private ITurnEndHandler[] _turnEnd = new ITurnEndHandler[64];
    private int _turnEndFirst;
    private int _turnEndCount;
    private LoopWork? _postedRunning;
    private ImmediateEvent? _immediateHead;
    private ImmediateEvent? _immediateTail;
    private int _immediateCount;

    // Counts calls of handlers: what was reported before the last one may no longer be so.
    private long _handlersCalled;

    /// <summary>
    /// Calls <paramref name="handler"/> once when the completions of this turn have been handled, which is the moment to send everything that they produced
    /// at once. The caller asks once per turn.
    /// </summary>
    public void AtTurnEnd(ITurnEndHandler handler)
    {
        if (_turnEndCount == _turnEnd.Length)
        {
            GrowTurnEnd();
        }

        _turnEnd[(_turnEndFirst + _turnEndCount++) & (_turnEnd.Length - 1)] = handler;
    }

    /// <summary>Has the loop call the event's handler next. Does nothing where it is scheduled already.</summary>
    public void Schedule(ImmediateEvent immediate)
    {
        if (immediate.IsScheduled)
        {
            return;
        }

        immediate.IsScheduled = true;
        immediate.Previous = _immediateTail;
        if (_immediateTail is null)
        {
            _immediateHead = immediate;
        }
        else
        {
            _immediateTail.Next = immediate;
        }

        _immediateTail = immediate;
        _immediateCount++;
    }

    /// <summary>Takes back a <see cref="Schedule"/>; the handler will not be called. Harmless where it is not scheduled.</summary>
    public void Cancel(ImmediateEvent immediate)
    {
        if (!immediate.IsScheduled)
        {
            return;
        }

        immediate.IsScheduled = false;
        _immediateCount--;
        _ = immediate.Previous is null ? _immediateHead = immediate.Next : immediate.Previous.Next = immediate.Next;
        _ = immediate.Next is null ? _immediateTail = immediate.Previous : immediate.Next.Previous = immediate.Previous;
        immediate.Next = null;
        immediate.Previous = null;
    }

    private void RunTurn()
    {
        RunEnded();
        RunImmediates();
        RunPosted();
        RunTimers();
        RunSignals();
        int completions = 0;
        for (int pass = 0; pass < PassesPerTurn && (_readyHead is not null || _readyFdHead is not null || _turnEndCount > 0); pass++)
        {
            completions += RunReady();
            RunReadyFds();
            RunTurnEnd();
        }

        _counters.Turns++;
        _counters.CompletionsPerTurn.Add(completions);
    }

    /// <summary>Calls the one handler whose turn it is; false where there is none.</summary>
    private bool RunOneHandler() =>
        RunOneEnded() || RunOneImmediate() || RunOnePosted() || RunOneTimer() || RunOneSignal() || RunOneReady() || RunOneReadyFd();

    private void RunImmediates()
    {
        // Those that handlers schedule come in the next turn, so that one turn ends.
        for (int count = _immediateCount; count > 0 && RunOneImmediate(); count--)
        {
        }
    }

    private bool RunOneImmediate()
    {
        if (_immediateHead is not { } immediate)
        {
            return false;
        }

        Cancel(immediate);
        _handlersCalled++;
        immediate.Handler.OnImmediate(immediate);
        return true;
    }

    private void RunPosted()
    {
        // What is posted meanwhile comes in the next turn: the list that is taken from is filled once.
        TakePosted();
        while (RunOneTaken())
        {
        }
    }

    private bool RunOnePosted()
    {
        TakePosted();
        return RunOneTaken();
    }

    private bool RunOneTaken()
    {
        if (_postedRunning is not { } work)
        {
            return false;
        }

        _postedRunning = work.NextPosted;
        work.NextPosted = null;
        _handlersCalled++;
        work.Run();
        return true;
    }

    private void TakePosted()
    {
        if (_postedRunning is not null || Volatile.Read(ref _posted) is null)
        {
            return;
        }

        // The stack is last in, first out; turned round it is the order of posting.
        LoopWork? newest = Interlocked.Exchange(ref _posted, null);
        while (newest is not null)
        {
            LoopWork? next = newest.NextPosted;
            newest.NextPosted = _postedRunning;
            _postedRunning = newest;
            newest = next;
        }
    }

    private void RunTimers()
    {
        if (_timers.Count == 0)
        {
            return;
        }

        // What handlers start comes in the next turn, so that one turn ends.
        long nowNs = _backend.NowNs;
        long startedBefore = _timers.Started;
        while (_timers.TryTakeDue(nowNs, startedBefore, out LoopTimer timer))
        {
            Fire(timer, nowNs);
        }
    }

    private bool RunOneTimer()
    {
        if (_timers.Count == 0)
        {
            return false;
        }

        long nowNs = _backend.NowNs;
        if (!_timers.TryTakeDue(nowNs, long.MaxValue, out LoopTimer timer))
        {
            return false;
        }

        Fire(timer, nowNs);
        return true;
    }

    private void Fire(LoopTimer timer, long nowNs)
    {
        _handlersCalled++;
        _timers.Call(timer, nowNs);
    }

    /// <summary>Returns how many operations it handled.</summary>
    private int RunReady()
    {
        // What handlers complete goes into the next pass, so that one turn ends.
        int handled = 0;
        for (int count = _readyCount; handled < count && RunOneReady(); handled++)
        {
        }

        return handled;
    }

    private bool RunOneReady()
    {
        if (_readyHead is not { } operation)
        {
            return false;
        }

        _readyHead = operation.NextReady;
        if (_readyHead is null)
        {
            _readyTail = null;
        }

        operation.NextReady = null;
        _readyCount--;
        _handlersCalled++;
        Finish(operation);
        return true;
    }

    private void RunTurnEnd()
    {
        // Who asks again from within is called in the next pass, so that one turn ends however eager a handler is.
        for (int count = _turnEndCount; count > 0 && _turnEndCount > 0; count--)
        {
            ref ITurnEndHandler first = ref _turnEnd[_turnEndFirst];
            ITurnEndHandler handler = first;
            first = null!;
            _turnEndFirst = (_turnEndFirst + 1) & (_turnEnd.Length - 1);
            _turnEndCount--;
            handler.OnTurnEnd();
        }
    }

    private void GrowTurnEnd()
    {
        var larger = new ITurnEndHandler[_turnEnd.Length * 2];
        for (int i = 0; i < _turnEndCount; i++)
        {
            larger[i] = _turnEnd[(_turnEndFirst + i) & (_turnEnd.Length - 1)];
        }

        _turnEnd = larger;
        _turnEndFirst = 0;
    }
}
