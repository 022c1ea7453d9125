using System.Runtime.CompilerServices;

namespace Harness.Io;

/// <summary>Told at the end of a turn of the loop; see <see cref="EventLoop.AtTurnEnd"/>.</summary>
public interface ITurnEndHandler
{
    /// <summary>Every completion of this turn has been handled. Called on the loop's thread; must not throw.</summary>
    void OnTurnEnd();
}

/// <summary>
/// A completion-shaped event loop on one thread: operations are submitted, the backend asks the kernel, handlers run inline on the loop's thread. A turn is:
/// wait, run what other threads posted, run due timers, run the handlers of completed operations, then the turn-end handlers. All members are for the loop's
/// own thread unless they say otherwise.
/// </summary>
public sealed partial class EventLoop : IDisposable
{
    // How often handlers may make new completions before the kernel is asked again: a handler that always finds more to do must not starve the others.
    private const int PassesPerTurn = 16;

    // Reading the clock at every spin would cost more than the look at the queue does, as long as nothing is due soon: 32 looks of a backend that makes a
    // system call for each take tens of microseconds, and of poll with a thousand descriptors milliseconds.
    private const int SpinsPerClockRead = 32;
    private const long SoonNs = 10_000_000;

    private readonly ILoopBackend _backend;
    private readonly LoopCounters _counters;
    private readonly Timers _timers = new();
    private readonly Thread _owner;
    private IoOperation? _readyHead;
    private IoOperation? _readyTail;
    private ITurnEndHandler[] _turnEnd = new ITurnEndHandler[64];
    private ITurnEndHandler[] _turnEndRunning = new ITurnEndHandler[64];
    private int _turnEndCount;
    private LoopWork? _posted;
    private int _sleeping;
    private bool _stopping;

    /// <summary>A loop on the calling thread, which becomes its owner.</summary>
    /// <param name="backend">How it asks the kernel; the loop disposes of it.</param>
    /// <param name="wait">What it does with nothing to do.</param>
    public EventLoop(ILoopBackend backend, WaitMode wait = WaitMode.Block)
    {
        _backend = backend;
        Wait = wait;
        _owner = Thread.CurrentThread;
        _counters = backend.Counters;
        backend.Attach(this);
    }

    /// <summary>The backend's name.</summary>
    public string BackendName => _backend.Name;

    /// <summary>More about how the backend runs, for results; empty where there is nothing to say.</summary>
    public string BackendDescription => _backend.Description;

    /// <summary>What the loop does with nothing to do.</summary>
    public WaitMode Wait { get; }

    /// <summary>How long <see cref="WaitMode.Adaptive"/> spins before it sleeps, in nanoseconds.</summary>
    public long AdaptiveSpinNs { get; init; } = 50_000;

    /// <summary>The backend's clock in nanoseconds; never goes back. Read afresh at each call.</summary>
    public long NowNs
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _backend.NowNs;
    }

    /// <summary>What this loop has asked of the kernel, brought up to date by asking.</summary>
    public LoopCounters Counters => _backend.Counters;

    /// <summary>What the code above this loop counts about itself; always the same object.</summary>
    public LoopTally Tally { get; } = new();

    /// <summary>True on the thread that owns the loop. Any thread may ask.</summary>
    public bool IsLoopThread => Thread.CurrentThread == _owner;

    /// <summary>Operations submitted and not yet handed to their handlers.</summary>
    public int PendingOperations { get; private set; }

    /// <summary>Runs turns until <see cref="Stop"/>.</summary>
    public void Run()
    {
        while (!Volatile.Read(ref _stopping))
        {
            RunOnce();
        }

        _stopping = false;
    }

    /// <summary>One turn: waits until something happens, then handles all of it.</summary>
    public void RunOnce()
    {
        WaitForWork();
        RunTurn();
    }

    /// <summary>One turn that does not sleep: handles what is there now.</summary>
    public void RunOnceWithoutSleep()
    {
        _backend.Wait(0);
        RunTurn();
    }

    /// <summary>Makes <see cref="Run"/> return after its current turn. Any thread may call it.</summary>
    public void Stop()
    {
        Volatile.Write(ref _stopping, true);
        WakeIfSleeping();
    }

    /// <summary>Runs <paramref name="work"/> once on the loop's thread, soon. Any thread may call it; allocates nothing and takes no lock.</summary>
    public void Post(LoopWork work)
    {
        LoopWork? head = Volatile.Read(ref _posted);
        while (true)
        {
            work.NextPosted = head;
            LoopWork? seen = Interlocked.CompareExchange(ref _posted, work, head);
            if (seen == head)
            {
                break;
            }

            head = seen;
        }

        WakeIfSleeping();
    }

    /// <summary>Runs <paramref name="action"/> on the loop's thread, soon. Any thread may call it.</summary>
    public void Post(Action action) => Post(new LoopAction(action));

    /// <summary>
    /// Calls <paramref name="handler"/> once when the completions of this turn have been handled, which is the moment to send everything that they produced
    /// at once. The caller asks once per turn.
    /// </summary>
    public void AtTurnEnd(ITurnEndHandler handler)
    {
        if (_turnEndCount == _turnEnd.Length)
        {
            Array.Resize(ref _turnEnd, _turnEndCount * 2);
        }

        _turnEnd[_turnEndCount++] = handler;
    }

    /// <summary>Starts a timer, or moves one that is running.</summary>
    /// <param name="timer">The timer.</param>
    /// <param name="dueNs">When it is due, on the loop's clock.</param>
    public void StartTimer(LoopTimer timer, long dueNs) => _timers.Start(timer, dueNs);

    /// <summary>Stops a timer; its handler will not be called. Harmless where it is not running.</summary>
    public void StopTimer(LoopTimer timer) => _timers.Stop(timer);

    /// <summary>Ends the loop and frees the backend. The loop's thread calls it after <see cref="Run"/>; pending operations are dropped unheard.</summary>
    public void Dispose() => _backend.Dispose();

    private void RunTurn()
    {
        RunPosted();
        RunTimers();
        int completions = 0;
        for (int pass = 0; pass < PassesPerTurn && (_readyHead is not null || _turnEndCount > 0); pass++)
        {
            completions += RunReady();
            RunTurnEnd();
        }

        _counters.Turns++;
        _counters.CompletionsPerTurn.Add(completions);
    }

    private void WaitForWork()
    {
        long sleepNs = SleepNs();
        if (Wait != WaitMode.Block && sleepNs != 0)
        {
            SpinForWork(ref sleepNs);
        }

        if (sleepNs == 0 || !MaySleep())
        {
            _backend.Wait(0);
            return;
        }

        _counters.Sleeps++;
        _backend.Wait(sleepNs);
        Volatile.Write(ref _sleeping, 0);
    }

    /// <summary>How long the kernel may sleep: not at all with work at hand, until the next timer, or for ever (-1).</summary>
    private long SleepNs()
    {
        if (_readyHead is not null || _turnEndCount > 0 || Volatile.Read(ref _posted) is not null || Volatile.Read(ref _stopping))
        {
            return 0;
        }

        return _timers.Count == 0 ? -1 : Math.Max(0, _timers.NextDueNs - _backend.NowNs);
    }

    /// <summary>Looks without sleeping until there is work, or in adaptive mode until its patience ends. Leaves 0 in sleepNs where there is work.</summary>
    private void SpinForWork(ref long sleepNs)
    {
        long untilNs = Wait == WaitMode.Spin ? long.MaxValue : _backend.NowNs + AdaptiveSpinNs;
        int spinsPerClockRead = IsSoon(sleepNs) ? 1 : SpinsPerClockRead;
        for (int spins = 1; ; spins++)
        {
            _backend.Wait(0);
            _counters.Looks++;
            if (_readyHead is not null || Volatile.Read(ref _posted) is not null || Volatile.Read(ref _stopping))
            {
                sleepNs = 0;
                return;
            }

            if (spins >= spinsPerClockRead)
            {
                spins = 0;
                long nowNs = _backend.NowNs;
                spinsPerClockRead = IsSoon(_timers.NextDueNs - nowNs) ? 1 : SpinsPerClockRead;
                if (nowNs >= _timers.NextDueNs)
                {
                    sleepNs = 0;
                    return;
                }

                if (nowNs >= untilNs)
                {
                    sleepNs = _timers.Count == 0 ? -1 : _timers.NextDueNs - nowNs;
                    return;
                }
            }
        }
    }

    private static bool IsSoon(long untilDueNs) => untilDueNs is >= 0 and < SoonNs;

    /// <summary>
    /// Announces the sleep, then looks once more for posted work. The fence pairs with the one in <see cref="WakeIfSleeping"/>: either the poster
    /// sees us asleep, or we see its work.
    /// </summary>
    private bool MaySleep()
    {
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _posted) is null && !Volatile.Read(ref _stopping))
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

    private void RunPosted()
    {
        if (Volatile.Read(ref _posted) is null)
        {
            return;
        }

        // The stack is last in, first out; turned round it is the order of posting.
        LoopWork? newest = Interlocked.Exchange(ref _posted, null);
        LoopWork? oldest = null;
        while (newest is not null)
        {
            LoopWork? next = newest.NextPosted;
            newest.NextPosted = oldest;
            oldest = newest;
            newest = next;
        }

        while (oldest is not null)
        {
            LoopWork work = oldest;
            oldest = work.NextPosted;
            work.NextPosted = null;
            work.Run();
        }
    }

    private void RunTimers()
    {
        if (_timers.Count == 0)
        {
            return;
        }

        long nowNs = _backend.NowNs;
        while (_timers.TryTakeDue(nowNs, out LoopTimer timer))
        {
            timer.Handler.OnTimer(timer);
        }
    }

    /// <summary>Returns how many operations it handled.</summary>
    private int RunReady()
    {
        // What handlers complete goes into the next pass, so that one turn ends.
        int count = 0;
        IoOperation? operation = _readyHead;
        _readyHead = null;
        _readyTail = null;
        while (operation is not null)
        {
            IoOperation? next = operation.NextReady;
            operation.NextReady = null;
            Finish(operation);
            operation = next;
            count++;
        }

        return count;
    }

    private void RunTurnEnd()
    {
        // Who asks again from within is called in the next pass, so that one turn ends however eager a handler is.
        (_turnEnd, _turnEndRunning) = (_turnEndRunning, _turnEnd);
        int count = _turnEndCount;
        _turnEndCount = 0;
        for (int i = 0; i < count; i++)
        {
            ITurnEndHandler handler = _turnEndRunning[i];
            _turnEndRunning[i] = null!;
            handler.OnTurnEnd();
        }
    }
}
