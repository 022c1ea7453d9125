using Harness.Io;

namespace Harness.Tests;

/// <summary>The loop as a <see cref="LoopProgramRunner"/> uses it: a place for seeded bugs between the program, the loop and the handlers.</summary>
internal class LoopUnderTest(ILoopBackend backend) : IDisposable
{
    /// <summary>Bounds a wait that would last for ever. What is ready when it begins is told at once, so this is no bound on speed.</summary>
    private const long PatienceNs = 200_000_000;

    public EventLoop Loop { get; } = new(backend);

    public virtual void AddFd(FdEvent fdEvent, int fd, FdFlags flags) => Loop.AddFd(fdEvent, fd, flags);

    public virtual void SetFlags(FdEvent fdEvent, FdFlags flags) => Loop.SetFlags(fdEvent, flags);

    public virtual void RemoveFd(FdEvent fdEvent) => Loop.RemoveFd(fdEvent);

    public virtual void Schedule(ImmediateEvent immediate) => Loop.Schedule(immediate);

    public virtual void Cancel(ImmediateEvent immediate) => Loop.Cancel(immediate);

    public virtual void StartTimer(LoopTimer timer) => Loop.StartTimer(timer, Loop.NowNs);

    public virtual void StopTimer(LoopTimer timer) => Loop.StopTimer(timer);

    public virtual void Close(IoOperation close, int fd) => Loop.Close(close, fd);

    public virtual bool LoopOnce() => Loop.LoopOnce(0);

    /// <summary>With something ready: a sleep that ends at once.</summary>
    public virtual bool WaitOnce() => Loop.LoopOnce(PatienceNs);

    /// <summary>A batch. Where nothing is ready it does not sleep.</summary>
    public virtual void RunOnce(bool mayWait)
    {
        if (!mayWait)
        {
            Loop.RunOnceWithoutSleep();
            return;
        }

        var watchdog = new LoopTimer(new Nothing());
        Loop.StartTimer(watchdog, Loop.NowNs + PatienceNs);
        Loop.RunOnce();
        Loop.StopTimer(watchdog);
    }

    /// <summary>Who is told in place of the event's own handler.</summary>
    public virtual IFdHandler Handler(IFdHandler handler) => handler;

    public void Dispose() => Loop.Dispose();

    private sealed class Nothing : ITimerHandler
    {
        public void OnTimer(LoopTimer timer)
        {
        }
    }
}
