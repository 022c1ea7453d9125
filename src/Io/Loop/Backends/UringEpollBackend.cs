using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// <c>uring-epoll</c>: a ring that waits on an epoll set, for code that closes descriptors by itself. The ring holds the set and the set holds no file, so a
/// close(2) by anybody ends what waits on the descriptor, and the peer sees it at once.
/// </summary>
/// <remarks>
/// With IORING_OP_EPOLL_WAIT (6.15) the events come with the completion. Elsewhere the ring polls the set, and epoll_wait(2) fetches them; as long as that
/// finds some, the ring is not asked. On a ring with DEFER_TASKRUN the kernel looks into the set only when the loop enters, so that what it finds is true then.
/// </remarks>
internal sealed class UringEpollBackend : EpollReadiness, ICompletionSink
{
    private readonly LoopRing _ring;
    private readonly bool _waitsInRing;
    private bool _armed;
    private int _armedFor;
    private bool _isFilled;
    private bool _maybeReady;

    /// <summary>The best way that the kernel has.</summary>
    public UringEpollBackend()
        : this(waitInRing: true)
    {
    }

    /// <summary>With IORING_OP_EPOLL_WAIT where it is wanted and known, otherwise with a poll of the set.</summary>
    public UringEpollBackend(bool waitInRing, RingEnvironment? environment = null)
    {
        _ring = new LoopRing(WakeUp, Calls, this, environment: environment);
        _waitsInRing = waitInRing && RingProbe.Of(_ring.Ring).IsSupported(RingOpcode.EPOLL_WAIT);
    }

    /// <summary>With IORING_OP_EPOLL_WAIT and nothing else.</summary>
    /// <exception cref="NotSupportedException">The kernel does not have it.</exception>
    public static UringEpollBackend WaitingInRing()
    {
        var backend = new UringEpollBackend();
        if (!backend._waitsInRing)
        {
            backend.Dispose();
            throw new NotSupportedException("this kernel has no IORING_OP_EPOLL_WAIT (Linux 6.15)");
        }

        return backend;
    }

    public override string Name => "uring-epoll";

    public override string Description => $"{_ring.Description} {(_waitsInRing ? "EPOLL_WAIT" : "poll of the epoll set")}";

    public override LoopCounters Counters
    {
        get
        {
            _ring.Publish();
            return Calls;
        }
    }

    public override void Wait(long timeoutNs, int maxEvents)
    {
        timeoutNs = HasAlwaysReady ? 0 : timeoutNs;
        if (_waitsInRing)
        {
            ArmEpollWait(maxEvents);
            _ring.Wait(timeoutNs);
            FetchMore(maxEvents);
        }
        else
        {
            WaitPolling(timeoutNs, maxEvents);
        }

        Report(0);
    }

    public void OnCompletion(CompletionTag tag, int index, uint generation, Cqe completion)
    {
        _armed = completion.HasMore;
        if (_waitsInRing)
        {
            _isFilled = completion.Result == _armedFor;
            Report(Math.Max(0, completion.Result));
        }
        else
        {
            _maybeReady = true;
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _ring.Dispose();
    }

    // The wake-up is the ring's own.
    protected override bool IsOwn(int fd) => false;

    private void ArmEpollWait(int maxEvents)
    {
        if (!_armed)
        {
            _ring.Reserve(1);
            _armedFor = Math.Min(maxEvents, EpollSet.MaxEvents);
            _armed = _ring.Ring.PrepareEpollWait(Set.Fd, Set.Events, (uint)_armedFor, LoopRing.Pack(CompletionTag.EpollSet, 0, 0));
        }
    }

    /// <summary>
    /// The wait was left in the ring by a look for fewer events, and that many came: there may be more. Once, where looks change into batches.
    /// </summary>
    private void FetchMore(int maxEvents)
    {
        if (_isFilled && _armedFor < Math.Min(maxEvents, EpollSet.MaxEvents))
        {
            Report(Set.Wait(0, maxEvents));
        }

        _isFilled = false;
    }

    private void WaitPolling(long timeoutNs, int maxEvents)
    {
        if (_maybeReady && Fetch(maxEvents))
        {
            // The ring may have news of its own, such as a wake-up; a look costs nothing where it has none.
            _ring.Wait(0);
            return;
        }

        if (!_armed)
        {
            _ring.Reserve(1);
            _armed = _ring.Ring.PreparePollAdd(Set.Fd, (uint)Poll.POLLIN, multishot: true, LoopRing.Pack(CompletionTag.EpollSet, 0, 0));
        }

        _ring.Wait(timeoutNs);
        if (_maybeReady)
        {
            Fetch(maxEvents);
        }
    }

    /// <summary>Takes events out of the set. The poll of the set fires at news only, so whatever was left behind is asked for until there is none.</summary>
    private bool Fetch(int maxEvents)
    {
        int count = Set.Wait(0, maxEvents);
        _maybeReady = count > 0;
        Report(count);
        return count > 0;
    }
}
