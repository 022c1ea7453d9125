namespace Harness.Io;

/// <content>Signals: counted by whoever sees them, told on the loop's thread.</content>
public sealed partial class EventLoop
{
    private SignalEvent? _signals;
    private SignalFd? _signalFd;
    private bool _signalled;

    /// <summary>
    /// Has the handler told of a signal of this process. Where every thread blocks the signal it comes through signalfd(2), which is how a process started with
    /// it blocked gets it without a second thread; elsewhere through the runtime's own handler, whose thread hands it over. The signal's default action does
    /// not take place meanwhile.
    /// </summary>
    /// <param name="signalEvent">The event; not added at present.</param>
    /// <param name="signal">The signal's number, see signal(7).</param>
    /// <exception cref="IoException">The signal cannot be had: SIGKILL, SIGSTOP, or no signal at all.</exception>
    /// <exception cref="InvalidOperationException">The event is added already.</exception>
    public void AddSignal(SignalEvent signalEvent, int signal)
    {
        if (signalEvent.IsAdded)
        {
            throw new InvalidOperationException($"the event is added already, for signal {signalEvent.Signal}; remove it first");
        }

        signalEvent.Signal = signal;
        signalEvent.Pending = 0;
        if (SignalFd.IsBlockedEverywhere(signal))
        {
            _signalFd ??= new SignalFd(this);
            signalEvent.Source = _signalFd.Add(signal);
        }
        else
        {
            signalEvent.Source = RuntimeSignals.Watch(signal, () => SignalSeen(signalEvent, 1));
        }

        // At the end, so that those of the same signal are told in the order in which they were added.
        ref SignalEvent? end = ref _signals;
        while (end is not null)
        {
            end = ref end.Next;
        }

        end = signalEvent;
    }

    /// <summary>Stops telling; what was seen and not told is forgotten. Harmless where the event is not added.</summary>
    public void RemoveSignal(SignalEvent signalEvent)
    {
        ref SignalEvent? link = ref _signals;
        while (link is not null && link != signalEvent)
        {
            link = ref link.Next;
        }

        if (link is not null)
        {
            link = signalEvent.Next;
            signalEvent.Next = null;
            signalEvent.Source?.Dispose();
            signalEvent.Source = null;
        }
    }

    /// <summary>Counts signals from the runtime's thread, or what a signalfd had. Any thread may call it.</summary>
    private void SignalSeen(SignalEvent signalEvent, int count)
    {
        Interlocked.Add(ref signalEvent.Pending, count);
        Volatile.Write(ref _signalled, true);
        WakeIfSleeping();
    }

    /// <summary>A signalfd has had so many of a signal.</summary>
    internal void SignalsRead(int signal, int count)
    {
        for (SignalEvent? signalEvent = _signals; signalEvent is not null; signalEvent = signalEvent.Next)
        {
            if (signalEvent.Signal == signal && _signalFd!.Has(signalEvent))
            {
                SignalSeen(signalEvent, count);
            }
        }
    }

    private void RunSignals()
    {
        while (RunOneSignal())
        {
        }
    }

    private bool RunOneSignal()
    {
        // A signal and a descriptor that are ready at the same time come in this order, so a signalfd is not left to the order of the kernel's list.
        _signalFd?.Read();
        if (!Volatile.Read(ref _signalled))
        {
            return false;
        }

        // Before the counts are taken: what is counted later sets it again.
        Volatile.Write(ref _signalled, false);
        Interlocked.MemoryBarrier();
        for (SignalEvent? signalEvent = _signals; signalEvent is not null; signalEvent = signalEvent.Next)
        {
            int count = Interlocked.Exchange(ref signalEvent.Pending, 0);
            if (count > 0)
            {
                // There may be others behind it.
                Volatile.Write(ref _signalled, true);
                _handlersCalled++;
                signalEvent.Handler.OnSignal(signalEvent, count);
                return true;
            }
        }

        return false;
    }
}
