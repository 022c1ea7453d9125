using Harness.Io;

namespace Harness.Tests;

/// <summary>The simplest backend for events of descriptors: it asks about each, one by one. Right as it stands; a seeded bug overrides something.</summary>
internal class PlainBackend : ILoopBackend
{
    private readonly SortedDictionary<int, FdFlags> _interests = [];
    private EventLoop _loop = null!;

    public string Name => "plain";

    public long NowNs => MonotonicClock.NowNs;

    public LoopCounters Counters { get; } = new();

    public string Description => string.Empty;

    public ForeignClose OnForeignClose => ForeignClose.Unnoticed;

    public bool HasDeadline(OperationKind kind) => false;

    public void Attach(EventLoop loop) => _loop = loop;

    public void Submit(IoOperation operation) => throw new NotSupportedException("this backend has events only");

    public void Cancel(IoOperation operation) => throw new NotSupportedException("this backend has events only");

    public bool StillWatches(int fd) => true;

    public bool Quiesce(int fd) => true;

    public virtual void Wait(long timeoutNs, int maxEvents)
    {
        long untilNs = timeoutNs < 0 ? long.MaxValue : NowNs + timeoutNs;
        while (!ReportAll(_loop) && NowNs < untilNs)
        {
            Thread.Yield();
        }
    }

    public void SetInterest(int fd, FdFlags interest)
    {
        _ = _interests.Remove(fd);
        if (interest != FdFlags.None)
        {
            _interests.Add(fd, interest);
        }
    }

    public void Rewatch(int fd)
    {
    }

    public virtual FdFlags Confirm(int fd, FdFlags interest) => FdReadiness.Now(fd, interest, Counters);

    public void Wake()
    {
    }

    public void CloseDescriptor(int fd, bool isSocket) => Sockets.CloseUnused(fd);

    public void Dispose()
    {
    }

    /// <summary>What is reported of a descriptor.</summary>
    protected virtual FdFlags Look(int fd, FdFlags interest) => FdReadiness.Now(fd, interest, Counters);

    /// <summary>Reports a descriptor; false ends the look at the others.</summary>
    protected virtual bool Report(EventLoop loop, int fd, FdFlags ready)
    {
        loop.ReportReady(fd, ready);
        return true;
    }

    private bool ReportAll(EventLoop loop)
    {
        bool any = false;
        foreach ((int fd, FdFlags interest) in _interests.ToArray())
        {
            if (Look(fd, interest) is var ready and not FdFlags.None)
            {
                any = true;
                if (!Report(loop, fd, ready))
                {
                    break;
                }
            }
        }

        return any;
    }
}
