using Harness.Io;

namespace Harness.Tests;

/// <summary>An event of a descriptor that remembers what it was told.</summary>
internal sealed class RecordedFd : IFdHandler
{
    public RecordedFd(Action<FdFlags>? then = null)
    {
        Event = new FdEvent(this);
        Then = then;
    }

    public FdEvent Event { get; }

    public int Count { get; private set; }

    public FdFlags Ready { get; private set; }

    public int Ended { get; private set; }

    public int Error { get; private set; }

    public Action<FdFlags>? Then { get; set; }

    public Action<int>? ThenEnded { get; set; }

    public void OnReady(FdEvent fdEvent, FdFlags ready)
    {
        Assert.Same(Event, fdEvent);
        Assert.True(Event.IsAdded && ready != FdFlags.None && (ready & ~Event.Flags) == 0, $"told of {ready}, asked for {Event.Flags}");
        Count++;
        Ready = ready;
        Then?.Invoke(ready);
    }

    public void OnEnded(FdEvent fdEvent, int error)
    {
        Assert.Same(Event, fdEvent);
        Assert.False(Event.IsAdded);
        Ended++;
        Error = error;
        ThenEnded?.Invoke(error);
    }
}

/// <summary>An immediate event that counts its calls.</summary>
internal sealed class RecordedImmediate : IImmediateHandler
{
    public RecordedImmediate(Action? then = null)
    {
        Event = new ImmediateEvent(this);
        Then = then;
    }

    public ImmediateEvent Event { get; }

    public int Count { get; private set; }

    public Action? Then { get; set; }

    public void OnImmediate(ImmediateEvent immediate)
    {
        Assert.Same(Event, immediate);
        Assert.False(Event.IsScheduled);
        Count++;
        Then?.Invoke();
    }
}

/// <summary>A timer that counts its calls.</summary>
internal sealed class RecordedTimer : ITimerHandler
{
    public RecordedTimer(Action? then = null)
    {
        Timer = new LoopTimer(this);
        Then = then;
    }

    public LoopTimer Timer { get; }

    public int Count { get; private set; }

    public Action? Then { get; set; }

    public void OnTimer(LoopTimer timer)
    {
        Count++;
        Then?.Invoke();
    }
}

/// <summary>A signal event that adds up what it was told.</summary>
internal sealed class RecordedSignal : ISignalHandler
{
    public RecordedSignal(Action<int>? then = null)
    {
        Event = new SignalEvent(this);
        Then = then;
    }

    public SignalEvent Event { get; }

    public int Calls { get; private set; }

    public int Signals { get; private set; }

    public Action<int>? Then { get; set; }

    public void OnSignal(SignalEvent signalEvent, int count)
    {
        Assert.Same(Event, signalEvent);
        Assert.True(count > 0);
        Calls++;
        Signals += count;
        Then?.Invoke(count);
    }
}
