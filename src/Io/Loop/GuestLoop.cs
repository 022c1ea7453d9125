namespace Harness.Io;

/// <summary>
/// An event loop for a program that has one already: it never sleeps and has no thread. The program's own loop waits for its descriptors, in whatever way it
/// waits for its others, and tells it what became ready; timers and what other threads post come as a time limit and as one more descriptor.
/// </summary>
/// <remarks>
/// Around each wait: ask for <see cref="Count"/> and <see cref="this[int]"/>, <see cref="WakeFd"/> and <see cref="TimeoutMs"/>, which change with every call;
/// wait; call <see cref="Notify"/> for what is ready and <see cref="NotifyWake"/> where the wake-up descriptor is, or where the time is up. Waiting is
/// level-triggered. Each call runs a bounded number of handlers and returns; where more is left to do, the wake-up descriptor is readable. All members are for
/// the thread that made it, except what <see cref="EventLoop"/> itself opens to any thread.
/// </remarks>
public sealed class GuestLoop : IDisposable
{
    private readonly GuestBackend _backend = new();
    private bool _isRunning;
    private bool _isDisposed;

    /// <summary>A loop that belongs to the calling thread.</summary>
    /// <exception cref="IoException">No descriptor is left for the wake-up.</exception>
    public GuestLoop()
    {
        Loop = new EventLoop(_backend);
        AllowSleep();
    }

    /// <summary>The loop, for whatever lives on one. It is run by the members here; <see cref="EventLoop.Run"/> and the like throw.</summary>
    public EventLoop Loop { get; }

    /// <summary>
    /// Readable when <see cref="NotifyWake"/> is to be called: another thread has posted something, or more is left to do. The same at all times.
    /// </summary>
    public int WakeFd => _backend.WakeFd;

    /// <summary>How many descriptors something waits for now.</summary>
    public int Count => _backend.Descriptors;

    /// <summary>One of the descriptors that something waits for now, and what for.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public PollEntry this[int index] => _backend.DescriptorAt(index);

    /// <summary>
    /// Milliseconds after which <see cref="NotifyWake"/> is to be called even if nothing is ready, because a timer is due; 0 is at once, -1 never. As poll(2)
    /// takes it.
    /// </summary>
    public int TimeoutMs
    {
        get
        {
            long ns = Loop.MaySleepNs;
            return ns < 0 ? -1 : (int)Math.Min(int.MaxValue, (ns + 999_999) / 1_000_000);
        }
    }

    /// <summary>True while a member is running handlers: a call from one of them takes effect, and what follows of it happens in the running call.</summary>
    public bool IsRunning => _isRunning;

    /// <summary>A descriptor is ready. Runs the handlers that this calls for. Harmless where it is not ready, or nothing waits for it (any more).</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="ready">What it is ready for; an error or a hang-up counts as both.</param>
    public void Notify(int fd, FdFlags ready)
    {
        _backend.Notify(fd, ready);
        RunTurn();
    }

    /// <summary>The wake-up descriptor is readable, or <see cref="TimeoutMs"/> has passed. Runs what other threads posted, and timers that are due.</summary>
    public void NotifyWake()
    {
        _backend.ClearWake();
        RunTurn();
    }

    /// <summary>Runs what is there to be run: after submitting something, so that it goes to the kernel now.</summary>
    public void RunTurn()
    {
        if (_isRunning)
        {
            return;
        }

        _isRunning = true;
        try
        {
            Loop.EndSleep();
            Loop.RunOnceWithoutSleep();
        }
        finally
        {
            _isRunning = false;
            AllowSleep();
        }
    }

    /// <summary>More is to be done, but not in this call: makes <see cref="WakeFd"/> readable.</summary>
    public void Postpone() => _backend.Wake();

    /// <summary>
    /// Waits by itself, with poll(2), and does what became ready: one step of a loop, for code that has none at hand, or has to wait right where it is.
    /// </summary>
    /// <param name="timeoutMs">Milliseconds at most; -1 waits without limit.</param>
    public void WaitAndNotify(int timeoutMs)
    {
        var entries = new PollEntry[Count + 1];
        entries[0] = new PollEntry(WakeFd, FdFlags.Read);
        for (int i = 0; i < Count; i++)
        {
            entries[i + 1] = this[i];
        }

        int dueMs = TimeoutMs;
        DescriptorPoll.Wait(entries, dueMs < 0 || (timeoutMs >= 0 && timeoutMs < dueMs) ? timeoutMs : dueMs);
        if (entries[0].Ready != FdFlags.None)
        {
            _backend.ClearWake();
        }

        for (int i = 1; i < entries.Length; i++)
        {
            if (entries[i].Ready != FdFlags.None)
            {
                _backend.Notify(entries[i].Fd, entries[i].Ready);
            }
        }

        RunTurn();
    }

    /// <summary>Ends the loop. What is pending is dropped unheard: close what lives on it first.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            // The number of the wake-up's descriptor may soon be another file's.
            _isDisposed = true;
            Loop.EndSleep();
            Loop.Dispose();
        }
    }

    private void AllowSleep()
    {
        if (!Loop.BeginSleep())
        {
            _backend.Wake();
        }
    }
}
