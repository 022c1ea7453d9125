using Harness.Io;

namespace Harness.Tests;

internal sealed class ForgetsRemove() : LoopUnderTest(new PlainBackend())
{
    public override void RemoveFd(FdEvent fdEvent)
    {
    }
}

internal sealed class ForgetsFlags() : LoopUnderTest(new PlainBackend())
{
    public override void SetFlags(FdEvent fdEvent, FdFlags flags)
    {
    }
}

internal sealed class ForgetsCancel() : LoopUnderTest(new PlainBackend())
{
    public override void Cancel(ImmediateEvent immediate)
    {
    }
}

internal sealed class ForgetsStop() : LoopUnderTest(new PlainBackend())
{
    public override void StopTimer(LoopTimer timer)
    {
    }
}

/// <summary>Timers come before immediate events that were scheduled later.</summary>
internal sealed class TimersAreImmediate() : LoopUnderTest(new PlainBackend())
{
    public override void StartTimer(LoopTimer timer) => Loop.Schedule(new ImmediateEvent(new Call(timer)));

    private sealed class Call(LoopTimer timer) : IImmediateHandler
    {
        public void OnImmediate(ImmediateEvent immediate) => timer.Handler.OnTimer(timer);
    }
}

internal sealed class CallsTwoHandlers() : LoopUnderTest(new PlainBackend())
{
    public override bool LoopOnce() => base.LoopOnce() && (base.LoopOnce() || true);
}

internal sealed class BatchesTwice() : LoopUnderTest(new PlainBackend())
{
    public override void RunOnce(bool mayWait)
    {
        base.RunOnce(mayWait);
        base.RunOnce(mayWait: false);
    }
}

internal sealed class BatchesOne() : LoopUnderTest(new PlainBackend())
{
    public override void RunOnce(bool mayWait) => LoopOnce();
}

/// <summary>A close forgets the events of its descriptor instead of ending them.</summary>
internal sealed class ClosesInSilence() : LoopUnderTest(new PlainBackend())
{
    private readonly List<FdEvent> _added = [];

    public override void AddFd(FdEvent fdEvent, int fd, FdFlags flags)
    {
        base.AddFd(fdEvent, fd, flags);
        _added.Add(fdEvent);
    }

    public override void Close(IoOperation close, int fd)
    {
        foreach (FdEvent fdEvent in _added.Where(fdEvent => fdEvent.Fd == fd))
        {
            RemoveFd(fdEvent);
        }

        base.Close(close, fd);
    }
}

/// <summary>What handlers are told about ends is wrong in one way or another.</summary>
internal sealed class TellsEndsWrong(EndsToldWrong how) : LoopUnderTest(new PlainBackend())
{
    public override IFdHandler Handler(IFdHandler handler) => new Between(handler, how);

    private sealed class Between(IFdHandler inner, EndsToldWrong how) : IFdHandler
    {
        public void OnReady(FdEvent fdEvent, FdFlags ready) => inner.OnReady(fdEvent, ready);

        public void OnEnded(FdEvent fdEvent, int error)
        {
            if (how == EndsToldWrong.AfterReadiness)
            {
                inner.OnReady(fdEvent, FdFlags.Read);
            }

            inner.OnEnded(fdEvent, how == EndsToldWrong.WithoutError ? 0 : error);
            if (how == EndsToldWrong.Twice)
            {
                inner.OnEnded(fdEvent, error);
            }
        }
    }
}

internal enum EndsToldWrong
{
    Twice,
    WithoutError,
    AfterReadiness,
}
