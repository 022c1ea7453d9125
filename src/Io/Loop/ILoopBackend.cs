namespace Harness.Io;

/// <summary>
/// How a loop asks the kernel for I/O. Small, and shaped like completions: readiness systems adapt up to it. Everything but <see cref="Wake"/> runs on the
/// loop's thread. A backend never calls a handler: it reports through <see cref="EventLoop.Complete"/>, and the loop calls handlers in its turn.
/// </summary>
public interface ILoopBackend : IDisposable
{
    /// <summary>The name printed wherever a number of this backend is printed, for example <c>epoll</c>.</summary>
    string Name { get; }

    /// <summary>Nanoseconds of a clock that never goes back; the loop has no other clock.</summary>
    long NowNs { get; }

    /// <summary>True where <see cref="IoOperation.TimeoutNs"/> is done by the backend itself for this kind, false where the loop keeps a timer.</summary>
    bool HasDeadline(OperationKind kind);

    /// <summary>
    /// True where the kernel reads what is cached of a file as part of a call that the backend makes anyway; false where a read of a file is handed to another
    /// thread, so that the loop asks the page cache first.
    /// </summary>
    bool ReadsFiles => true;

    /// <summary>What the backend has asked of the kernel so far: always the same object, brought up to date by asking.</summary>
    LoopCounters Counters { get; }

    /// <summary>More about how it runs, for results: for a ring, the granted flags. Empty where there is nothing to say.</summary>
    string Description { get; }

    /// <summary>Called once, on the loop's thread, before anything else.</summary>
    void Attach(EventLoop loop);

    /// <summary>Takes an operation. It may complete it before returning.</summary>
    void Submit(IoOperation operation);

    /// <summary>
    /// Asks for an end of an operation that it has. The operation still completes exactly once, now or later, with -ECANCELED unless it has won the race.
    /// </summary>
    void Cancel(IoOperation operation);

    /// <summary>What becomes of a watched descriptor that somebody closes without telling the loop.</summary>
    ForeignClose OnForeignClose { get; }

    /// <summary>
    /// False where the kernel says that the number stands for another file than the one that was to be watched. Backends that cannot tell say true.
    /// </summary>
    bool StillWatches(int fd);

    /// <summary>
    /// Nothing of the loop is pending on this descriptor and it will be closed. Returns true where the kernel holds nothing of this backend's own on it either;
    /// otherwise the backend ends that and calls <see cref="EventLoop.DescriptorQuiet"/>.
    /// </summary>
    bool Quiesce(int fd);

    /// <summary>
    /// Hands what is queued to the kernel, then reports completions.
    /// </summary>
    /// <param name="timeoutNs">0 does not sleep, and where the kernel shares memory with us does not even call it; -1 sleeps until something happens;
    /// otherwise sleeps at most this long.</param>
    /// <param name="maxEvents">How many ready descriptors with events the loop will take from a list, 1 or more; a backend that is told of them one by one
    /// may report more, and is asked to <see cref="Confirm"/> the rest.</param>
    void Wait(long timeoutNs, int maxEvents);

    /// <summary>
    /// Hands over what is queued, then lets time pass, whatever comes meanwhile. A backend that finds more done by the handing over than sends leaves the pause
    /// out: there is work. One that cannot do either does nothing.
    /// </summary>
    /// <param name="pauseNs">How long, in nanoseconds; more than 0. It ends early only for a signal.</param>
    void Gather(long pauseNs)
    {
    }

    /// <summary>
    /// Set where the next wait is likely to begin with <see cref="Gather"/>: receives that are submitted from now on may be kept back until after it, so that
    /// they find what has gathered and not the first of it. Backends that receive only when asked to wait need not care.
    /// </summary>
    bool HoldsReceives
    {
        set
        {
        }
    }

    /// <summary>
    /// From now on the kernel must tell when one of these flags holds on the descriptor, level-triggered, through
    /// <see cref="EventLoop.ReportReady"/>; None ends that, and nothing is reported any more. The descriptor has no operations in flight.
    /// </summary>
    void SetInterest(int fd, FdFlags interest);

    /// <summary>
    /// What was last reported of the descriptor is about to be told, and it is still watched: it is to be reported again by a later <see cref="Wait"/> if it is
    /// so then.
    /// </summary>
    void Rewatch(int fd);

    /// <summary>
    /// Which of the flags hold now, asked before a handler is called when other handlers have been called since the report, or the report may have passed. None
    /// where the backend prefers to be asked again by <see cref="Wait"/>.
    /// </summary>
    FdFlags Confirm(int fd, FdFlags interest);

    /// <summary>Ends a sleep in <see cref="Wait"/> now or, where there is none, the next one. Any thread may call it.</summary>
    void Wake();

    /// <summary>shutdown(2) where the descriptor is a socket, then close(2).</summary>
    void CloseDescriptor(int fd, bool isSocket);
}
