using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests;

/// <summary>A loop under test with what the contract needs around it: recorded completions, and turns until something is true.</summary>
internal sealed class LoopHarness : IDisposable
{
    private readonly List<int> _open = [];

    public LoopHarness(string backend, WaitMode wait = WaitMode.Block, int maxEvents = 256)
    {
        Loop = new EventLoop(TestedBackends.Create(backend), wait) { MaxEvents = maxEvents, Gathering = TestedBackends.GatheringOf(backend) };
    }

    public EventLoop Loop { get; }

    /// <summary>Runs turns until the condition holds. A watchdog timer ends a wait that would last for ever, and names it.</summary>
    public void RunUntil(Func<bool> condition, string what)
    {
        var watchdog = new Watchdog();
        var timer = new LoopTimer(watchdog);
        Loop.StartTimer(timer, Loop.NowNs + 20_000_000_000);
        while (!condition())
        {
            Loop.RunOnce();
            Assert.False(watchdog.Fired, $"{Loop.BackendName}: waited in vain until {what}");
        }

        Loop.StopTimer(timer);
    }

    /// <summary>Runs turns for a while, in which nothing that must not happen may happen.</summary>
    public void RunFor(int milliseconds)
    {
        var watchdog = new Watchdog();
        Loop.StartTimer(new LoopTimer(watchdog), Loop.NowNs + (milliseconds * 1_000_000L));
        while (!watchdog.Fired)
        {
            Loop.RunOnce();
        }
    }

    /// <summary>A loop-side descriptor and the .NET socket at its other end.</summary>
    public (int Fd, Socket Peer) Pair()
    {
        (int first, int second) = Sockets.Pair();
        _open.Add(first);
        return (first, new Socket(new SafeSocketHandle(second, ownsHandle: true)));
    }

    /// <summary>The two ends of a socket pair; the loop closes at the end what has not been closed.</summary>
    public (int Fd, int Peer) Fds()
    {
        (int first, int second) = Sockets.Pair();
        _open.Add(first);
        _open.Add(second);
        return (first, second);
    }

    /// <summary>The two ends of a pipe; the loop closes at the end what has not been closed.</summary>
    public (int Read, int Write) Pipe()
    {
        (int read, int write) = FdBytes.Pipe();
        _open.Add(read);
        _open.Add(write);
        return (read, write);
    }

    /// <summary>What is there now: one handler, or all in a batch.</summary>
    public void Once(bool batched)
    {
        if (batched)
        {
            Loop.RunOnceWithoutSleep();
        }
        else
        {
            Loop.LoopOnce(0);
        }
    }

    /// <summary>So many handlers, one at a time, each of which must come.</summary>
    public void LoopTimes(int times)
    {
        for (int i = 0; i < times; i++)
        {
            Assert.True(Loop.LoopOnce(20_000_000_000), $"{Loop.BackendName}: waited in vain for handler {i + 1} of {times}");
        }
    }

    /// <summary>No handler is called, neither at once nor a moment later.</summary>
    public void AssertQuiet()
    {
        Assert.False(Loop.LoopOnce(0), $"{Loop.BackendName}: a handler was called at once");
        Assert.False(Loop.LoopOnce(1_000_000), $"{Loop.BackendName}: a handler was called");
        Assert.False(Loop.LoopOnce(0), $"{Loop.BackendName}: a handler was called late");
    }

    /// <summary>close(2) by hand, with nothing said to the loop.</summary>
    public void CloseRaw(int fd)
    {
        Sockets.CloseUnused(fd);
        _open.Remove(fd);
    }

    public void Close(int fd)
    {
        var close = new Recorded();
        Loop.Close(close.Operation, fd);
        RunUntil(() => close.Count == 1, $"descriptor {fd} is closed");
        Assert.Equal(0, close.Result);
        _open.Remove(fd);
    }

    /// <summary>The test has closed this descriptor itself.</summary>
    public void Forget(int fd) => _open.Remove(fd);

    public void Dispose()
    {
        foreach (int fd in _open.ToArray())
        {
            Close(fd);
        }

        Assert.Equal(0, Loop.PendingOperations);
        Loop.Dispose();
    }

    private sealed class Watchdog : ITimerHandler
    {
        public bool Fired { get; private set; }

        public void OnTimer(LoopTimer timer) => Fired = true;
    }
}

/// <summary>An operation that remembers how often and how it ended.</summary>
internal sealed class Recorded : IIoHandler
{
    public Recorded()
    {
        Operation = new IoOperation(this);
    }

    public IoOperation Operation { get; }

    public int Count { get; private set; }

    public int Result { get; private set; } = int.MinValue;

    public Action<int>? Then { get; set; }

    public void OnCompleted(IoOperation operation, int result)
    {
        Count++;
        Result = result;
        Then?.Invoke(result);
    }
}
