using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>A real backend, of which a seeded bug overrides something.</summary>
internal abstract class ForwardingBackend(string name) : ILoopBackend
{
    private readonly ILoopBackend _inner = LoopBackends.Create(name);

    public string Name => _inner.Name;

    public long NowNs => _inner.NowNs;

    public LoopCounters Counters => _inner.Counters;

    public string Description => _inner.Description;

    public ForeignClose OnForeignClose => _inner.OnForeignClose;

    public bool HasDeadline(OperationKind kind) => _inner.HasDeadline(kind);

    public void Attach(EventLoop loop) => _inner.Attach(loop);

    public void Submit(IoOperation operation) => _inner.Submit(operation);

    public void Cancel(IoOperation operation) => _inner.Cancel(operation);

    public virtual bool StillWatches(int fd) => _inner.StillWatches(fd);

    public bool Quiesce(int fd) => _inner.Quiesce(fd);

    public void Wait(long timeoutNs, int maxEvents) => _inner.Wait(timeoutNs, maxEvents);

    public virtual void SetInterest(int fd, FdFlags interest) => _inner.SetInterest(fd, interest);

    public virtual void Rewatch(int fd) => _inner.Rewatch(fd);

    public FdFlags Confirm(int fd, FdFlags interest) => _inner.Confirm(fd, interest);

    public void Wake() => _inner.Wake();

    public void CloseDescriptor(int fd, bool isSocket) => _inner.CloseDescriptor(fd, isSocket);

    public void Dispose() => _inner.Dispose();
}

/// <summary>Polls that fire once and are not armed again.</summary>
internal sealed class ForgetsToRewatch() : ForwardingBackend("uring-poll")
{
    public override void Rewatch(int fd)
    {
    }
}

/// <summary>Polls that outlive what they were for, and hold a file whose number is used again.</summary>
internal sealed class ForgetsThatNobodyWaits() : ForwardingBackend("uring-poll")
{
    public override void SetInterest(int fd, FdFlags interest)
    {
        if (interest != FdFlags.None)
        {
            base.SetInterest(fd, interest);
        }
    }
}

/// <summary>A file that is gone is taken for the one that has its number now.</summary>
internal sealed class BelievesInNumbers() : ForwardingBackend("epoll")
{
    public override bool StillWatches(int fd) => true;
}

/// <summary>A report in three gets lost.</summary>
internal sealed class LosesReports : PlainBackend
{
    private int _reports;

    protected override bool Report(EventLoop loop, int fd, FdFlags ready) => ++_reports % 3 == 0 || base.Report(loop, fd, ready);
}

/// <summary>Tells of changes, and not of what lasts.</summary>
internal sealed class TellsEdges : PlainBackend
{
    private readonly Dictionary<int, FdFlags> _told = [];

    protected override FdFlags Look(int fd, FdFlags interest)
    {
        FdFlags ready = base.Look(fd, interest);
        FdFlags news = ready & ~_told.GetValueOrDefault(fd);
        _told[fd] = ready;
        return news;
    }
}

/// <summary>Whatever is asked for is ready.</summary>
internal sealed class SaysYes : PlainBackend
{
    protected override FdFlags Look(int fd, FdFlags interest) => interest;
}

/// <summary>What was so when it was reported is so for ever.</summary>
internal sealed class ConfirmsAll : PlainBackend
{
    public override FdFlags Confirm(int fd, FdFlags interest) => interest;
}

/// <summary>The lowest descriptor first, always.</summary>
internal sealed class PrefersTheLowest : PlainBackend
{
    protected override bool Report(EventLoop loop, int fd, FdFlags ready)
    {
        base.Report(loop, fd, ready);
        return false;
    }
}

/// <summary>A peer that is gone ends the events.</summary>
internal sealed class EndsByItself : PlainBackend
{
    protected override bool Report(EventLoop loop, int fd, FdFlags ready)
    {
        if (ready == FdFlags.ReadWrite)
        {
            SetInterest(fd, FdFlags.None);
            loop.ReportEnded(fd, -Errno.ECANCELED);
            return true;
        }

        return base.Report(loop, fd, ready);
    }
}
