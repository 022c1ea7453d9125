using Harness.Io;

namespace Harness.Tests;

/// <summary>A backend without a kernel and without descriptors; what a simulated world is made of.</summary>
internal abstract class BareBackend : ILoopBackend
{
    public abstract string Name { get; }

    public virtual long NowNs { get; protected set; }

    public LoopCounters Counters { get; } = new();

    public string Description => string.Empty;

    public ForeignClose OnForeignClose => ForeignClose.Unnoticed;

    public bool HasDeadline(OperationKind kind) => false;

    public void Attach(EventLoop loop)
    {
    }

    public abstract void Wait(long timeoutNs, int maxEvents);

    public virtual void Wake()
    {
    }

    public virtual void Dispose()
    {
    }

    public bool Quiesce(int fd) => true;

    public void Submit(IoOperation operation) => throw NoDescriptors();

    public void Cancel(IoOperation operation) => throw NoDescriptors();

    public void SetInterest(int fd, FdFlags interest) => throw NoDescriptors();

    public void Rewatch(int fd) => throw NoDescriptors();

    public FdFlags Confirm(int fd, FdFlags interest) => throw NoDescriptors();

    public bool StillWatches(int fd) => throw NoDescriptors();

    public void CloseDescriptor(int fd, bool isSocket) => throw NoDescriptors();

    private static NotSupportedException NoDescriptors() => new("the simulated world has no descriptors");
}
