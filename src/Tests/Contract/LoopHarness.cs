using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests;

/// <summary>A loop under test with what the contract needs around it: recorded completions, and turns until something is true.</summary>
internal sealed class LoopHarness : IDisposable
{
    private readonly List<int> _open = [];

    public LoopHarness(string backend, WaitMode wait = WaitMode.Block)
    {
        Loop = new EventLoop(LoopBackends.Create(backend), wait);
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
