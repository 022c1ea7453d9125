using System.Runtime.CompilerServices;

namespace Harness.Io;

/// <summary>Told at the end of a turn of the loop; see <see cref="EventLoop.AtTurnEnd"/>.</summary>
public interface ITurnEndHandler
{
    /// <summary>Every completion of this turn has been handled. Called on the loop's thread; must not throw.</summary>
    void OnTurnEnd();
}

/// <summary>
/// A completion-shaped event loop on one thread: operations are submitted, the backend asks the kernel, handlers run inline on the loop's thread. All members
/// are for the loop's own thread unless they say otherwise.
/// </summary>
/// <remarks>
/// There are two ways to run it, and a handler of either may run it again from within (nesting). <see cref="LoopOnce"/> calls one handler and asks the kernel
/// before the next, as tevent does: what a handler is told is true when it is told. <see cref="RunOnce"/> asks once and calls all the handlers that this calls
/// for: fewer system calls, and it gives up that. Within its batch a handler may find that another handler has already taken what it was told of (so
/// descriptors with events must be non-blocking), and a descriptor closed with close(2), its number used again, may be taken for the former one; events removed
/// or changed through the loop are safe in both. A poll in a ring, besides, fires with what
/// woke it: a batch may tell of what somebody has read before it began. The order in both: immediate events, what other threads posted, timers, signals,
/// operations, descriptors.
/// </remarks>
public sealed partial class EventLoop : IDisposable
{
    private readonly ILoopBackend _backend;
    private readonly LoopCounters _counters;
    private readonly Timers _timers = new();
    private readonly Thread _owner;
    private readonly long _gatherNs;
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

    /// <summary>How many ready descriptors one <see cref="RunOnce"/> takes from the kernel at most, where the backend takes them in a list.</summary>
    public int MaxEvents { get; init; } = 256;

    /// <summary>How long <see cref="WaitMode.Adaptive"/> spins before it sleeps, in nanoseconds.</summary>
    public long AdaptiveSpinNs { get; init; } = 50_000;

    /// <summary>
    /// How long a loop with <see cref="WaitMode.Block"/> may let messages gather before it looks, in nanoseconds; 0 for never. Whether it does, and for how
    /// much of this, it finds out by trying, from <see cref="LoopTally.MessagesPerReceive"/>. Work that other threads post waits for a pause too, and the
    /// thread's <see cref="TimerSlack"/> comes on top.
    /// </summary>
    public long GatherNs
    {
        get => _gatherNs;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _gatherNs = value;
            Gathering = value > 0 ? new Gathering(value) : null;
        }
    }

    /// <summary>What decides about pauses; null where there are none.</summary>
    internal Gathering? Gathering { get; init; }

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
        ConfirmLeftReports();
        WaitForWork(-1, MaxEvents);
        RunTurn();
    }

    /// <summary>One turn that does not sleep: handles what is there now.</summary>
    public void RunOnceWithoutSleep()
    {
        ConfirmLeftReports();
        _backend.Wait(0, MaxEvents);
        RunTurn();
    }

    /// <summary>
    /// Waits until one handler can be called, and calls that one; see the remarks of <see cref="EventLoop"/>. Handlers of turn ends that it asked for
    /// run too.
    /// </summary>
    /// <param name="timeoutNs">Nanoseconds to wait at most; 0 does not sleep, -1 waits without limit. Never ends early, and at most the timer slack
    /// late.</param>
    /// <returns>False where the time is up or the loop was stopped, and no handler was called.</returns>
    public bool LoopOnce(long timeoutNs = -1)
    {
        long untilNs = timeoutNs > 0 ? Later(_backend.NowNs, timeoutNs) : timeoutNs;
        for (bool waited = false; !RunOneHandler(); waited = true)
        {
            long leftNs = timeoutNs > 0 ? Math.Max(0, untilNs - _backend.NowNs) : timeoutNs;
            if (Volatile.Read(ref _stopping) || (leftNs == 0 && waited))
            {
                return false;
            }

            WaitForWork(leftNs, 1);
        }

        RunTurnEnd();
        return true;
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
    /// Starts a timer, or moves one that is running. Its handler is called once: never early, and on a loop that is not busy at most the timer slack late.
    /// Timers come in the order of the instants at which they are due, those of one instant in the order of their starts. Allocates nothing but, now and
    /// then, room for more timers than ever ran at once.
    /// </summary>
    /// <param name="timer">The timer; not running on another loop.</param>
    /// <param name="dueNs">
    /// When it is due, on the loop's clock (<see cref="NowNs"/>). A time that has passed means as soon as possible: from a timer's handler, after the timers
    /// that are due already, and in <see cref="RunOnce"/> in the next turn; <see cref="LoopOnce"/> calls timers that are due before it asks the kernel.
    /// </param>
    public void StartTimer(LoopTimer timer, long dueNs) => _timers.Start(timer, dueNs);

    /// <summary>Starts a timer from now on, or moves one that is running; otherwise like <see cref="StartTimer"/>. Reads the clock once.</summary>
    /// <param name="timer">The timer; not running on another loop.</param>
    /// <param name="delayNs">In how many nanoseconds it is due, 0 or more. A time beyond the clock's range (292 years) means never.</param>
    /// <exception cref="ArgumentOutOfRangeException">The delay is negative.</exception>
    public void StartTimerAfter(LoopTimer timer, long delayNs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(delayNs);
        _timers.Start(timer, Later(_backend.NowNs, delayNs));
    }

    /// <summary>Stops a timer; its handler will not be called. Harmless where it is not running. Costs no more than a start, and no system call.</summary>
    public void StopTimer(LoopTimer timer) => _timers.Stop(timer);

    /// <summary>Ends the loop and frees the backend. The loop's thread calls it after <see cref="Run"/>; pending operations are dropped unheard.</summary>
    public void Dispose()
    {
        while (_signals is { } signalEvent)
        {
            RemoveSignal(signalEvent);
        }

        _signalFd?.Dispose();
        foreach (Descriptor? descriptor in _descriptors)
        {
            descriptor?.Identity?.Dispose();
        }

        _backend.Dispose();
    }
}
