using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// What a loop asks the kernel with where somebody else does the waiting: the list that <c>poll</c> would hand to the kernel, to be looked at from outside, and
/// told from outside what has become ready.
/// </summary>
internal sealed unsafe class GuestBackend : PollBackend
{
    // Entry 0 of the list is the wake-up's.
    private const int FirstEntry = 1;

    public override string Name => "guest";

    public int WakeFd => WakeUp.Fd;

    /// <summary>Descriptors that something waits for.</summary>
    public int Descriptors => Count - FirstEntry;

    /// <summary>One of them, and what it waits for.</summary>
    public PollEntry DescriptorAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Descriptors);
        ref Poll.pollfd entry = ref EntryAt(FirstEntry + index);
        FdFlags wanted = ((entry.events & Poll.POLLIN) != 0 ? FdFlags.Read : 0) | ((entry.events & Poll.POLLOUT) != 0 ? FdFlags.Write : 0);
        return new PollEntry(entry.fd, wanted);
    }

    public override void Wait(long timeoutNs, int maxEvents)
    {
        // What is ready is told by Notify; there is nothing to ask for here.
        if (timeoutNs != 0)
        {
            throw new InvalidOperationException("a guest loop does not sleep: who owns the thread waits for its descriptors, and tells it");
        }
    }

    /// <summary>Somebody has found the descriptor ready. Harmless where nothing waits for that, or where it is not so.</summary>
    public void Notify(int fd, FdFlags ready)
    {
        Watch watch = WatchOf(fd);
        if (watch.Index < 0)
        {
            return;
        }

        // A socket that is asked too early how its connect ended says "well".
        if (watch.Writer is { Kind: OperationKind.Connect } && (ready & FdFlags.Write) != 0)
        {
            ready = (ready & ~FdFlags.Write) | FdReadiness.Now(fd, FdFlags.Write, Calls);
        }

        Tell(watch, (short)(((ready & FdFlags.Read) != 0 ? Poll.POLLIN : 0) | ((ready & FdFlags.Write) != 0 ? Poll.POLLOUT : 0)));
    }

    public void ClearWake()
    {
        WakeUp.Clear();
        Calls.Count(SystemCall.read);
    }
}
