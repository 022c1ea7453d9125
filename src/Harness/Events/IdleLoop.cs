using Harness.Io;
using Harness.Load;

namespace Harness.Events;

/// <summary>
/// One loop that watches many connections, of which one at a time has something to read: the time at which another process sent it. The next is sent a
/// millisecond after it was read, so that the loop has gone back to sleep.
/// </summary>
internal sealed class IdleLoop : IFdHandler
{
    // With fewer, what the runtime does meanwhile is more than what they take.
    private const int LeastForMemory = 1000;

    // Before those that are measured: the first sleep, and the first time for each thing.
    private const int UncountedWakeUps = 10;
    private const long LostNs = 20_000_000_000;

    private readonly IdleConnections _watched;
    private readonly int _connections;
    private readonly int _wakeUps;
    private readonly double[] _latenciesUs;
    private readonly byte[] _message = new byte[sizeof(long)];
    private SplitMix64 _random;
    private LoopCounters _counters = null!;
    private int _handled;
    private volatile string? _trouble;

    private IdleLoop(IdleConnections watched, int connections, int wakeUps, ulong seed)
    {
        _watched = watched;
        _connections = connections;
        _wakeUps = UncountedWakeUps + wakeUps;
        _latenciesUs = new double[_wakeUps];
        _random = new SplitMix64(seed);
    }

    /// <summary>One test in one round, on a new loop on the calling thread.</summary>
    /// <exception cref="HarnessException">A wake-up was lost.</exception>
    public static IdleSample Measure(string backend, IdleConnections watched, int connections, int wakeUps, ulong seed)
    {
        var test = new IdleLoop(watched, connections, wakeUps, seed);
        using EventLoop loop = EventBackends.Open(backend);
        loop.RunOnceWithoutSleep();
        (long managed, long? native) = InUse();
        FdEvent[] events = test.Watch(loop);
        (long managedAfter, long? nativeAfter) = InUse();
        IdleSample sample = test.WakeUp(loop) with
        {
            ManagedBytesPerConnection = BytesOfOne(managedAfter - managed, connections),
            NativeBytesPerConnection = BytesOfOne(nativeAfter - native, connections),
        };
        // Ended in order, so that the kernel has nothing left to end while the next loop is measured.
        Array.ForEach(events, loop.RemoveFd);
        loop.RunOnceWithoutSleep();
        return sample;
    }

    public void OnReady(FdEvent fdEvent, FdFlags ready)
    {
        long nowNs = MonotonicClock.NowNs;
        _counters.Count(SystemCall.recvfrom);
        if (Sockets.ReceiveNow(fdEvent.Fd, _message) == _message.Length && _handled < _wakeUps)
        {
            _latenciesUs[_handled] = (nowNs - BitConverter.ToInt64(_message)) / 1e3;
            Volatile.Write(ref _handled, _handled + 1);
        }
    }

    public void OnEnded(FdEvent fdEvent, int error) => _trouble = $"the loop gave up descriptor {fdEvent.Fd}: error {-error}";

    private FdEvent[] Watch(EventLoop loop)
    {
        var events = new FdEvent[_connections];
        for (int i = 0; i < events.Length; i++)
        {
            loop.AddFd(events[i] = new FdEvent(this), _watched.Fds[i], FdFlags.Read);
        }

        // A ring is told now.
        loop.RunOnceWithoutSleep();
        return events;
    }

    private IdleSample WakeUp(EventLoop loop)
    {
        _counters = loop.Counters;
        var sender = new Thread(() => Send(loop)) { IsBackground = true };
        sender.Start();
        Run(loop, UncountedWakeUps);
        CpuUsage cpu = ThreadUsage.Now();
        long calls = loop.Counters.SystemCalls;
        Run(loop, _wakeUps);
        calls = loop.Counters.SystemCalls - calls;
        double cpuUs = (ThreadUsage.Now() - cpu).CpuUs;
        sender.Join();
        double[] latencies = _latenciesUs[UncountedWakeUps..];
        Array.Sort(latencies);
        return new IdleSample(cpuUs / latencies.Length, latencies[latencies.Length / 2], (double)calls / latencies.Length);
    }

    private void Run(EventLoop loop, int until)
    {
        while (_handled < until)
        {
            loop.RunOnce();
            if (_trouble is { } trouble)
            {
                throw new HarnessException(ExitCode.Failed, $"--idle {_connections} on {loop.BackendName}: {trouble}");
            }
        }
    }

    private void Send(EventLoop loop)
    {
        for (int i = 0; i < _wakeUps && _trouble is null; i++)
        {
            long askedNs = MonotonicClock.NowNs;
            _trouble = _watched.AskFor((int)_random.Below((ulong)_connections));
            do
            {
                Thread.Sleep(1);
            }
            while (_trouble is null && Volatile.Read(ref _handled) <= i && MonotonicClock.NowNs - askedNs < LostNs);
            if (Volatile.Read(ref _handled) <= i)
            {
                _trouble ??= "what was sent was never read";
                loop.Stop();
            }
        }
    }

    private static double? BytesOfOne(long? bytes, int connections) => connections < LeastForMemory ? null : (double?)bytes / connections;

    /// <summary>What lives: nothing that could be collected is counted.</summary>
    private static (long Managed, long? Native) InUse() => (GC.GetTotalMemory(forceFullCollection: true), NativeHeap.BytesInUse);
}

/// <summary>One test in one round.</summary>
/// <param name="CpuUs">CPU time of the loop's thread per wake-up.</param>
/// <param name="LatencyUs">From before the message was sent to the handler's call; the median of the round.</param>
/// <param name="SystemCalls">System calls of the loop's thread per wake-up, the handler's read among them.</param>
internal sealed record IdleSample(double CpuUs, double LatencyUs, double SystemCalls)
{
    /// <summary>Null with few connections, whose memory is too little to be seen.</summary>
    public double? ManagedBytesPerConnection { get; init; }

    /// <inheritdoc cref="ManagedBytesPerConnection"/>
    public double? NativeBytesPerConnection { get; init; }
}
