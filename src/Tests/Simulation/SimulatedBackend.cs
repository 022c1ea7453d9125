using Harness.Io;

namespace Harness.Tests;

/// <summary>
/// A backend without a kernel: its clock moves only when the loop would sleep, and then at once to the end of the sleep. What the loop waits for comes from
/// transports in memory (custom operations) and from other threads.
/// </summary>
internal sealed class SimulatedBackend : ILoopBackend
{
    private readonly SemaphoreSlim _wake = new(0);

    public string Name => "simulated";

    public long NowNs { get; private set; }

    public bool HasDeadline(OperationKind kind) => false;

    public LoopCounters Counters { get; } = new();

    public string Description => string.Empty;

    public void Advance(TimeSpan time) => NowNs += time.Ticks * 100;

    public void Attach(EventLoop loop)
    {
    }

    public void Submit(IoOperation operation) => throw new NotSupportedException($"the simulated world has no descriptors, so no {operation.Kind}");

    public void Cancel(IoOperation operation) => throw new NotSupportedException("the simulated world has no descriptors");

    public bool Quiesce(int fd) => true;

    public void Wait(long timeoutNs)
    {
        if (timeoutNs > 0)
        {
            NowNs += timeoutNs;
        }
        else if (timeoutNs < 0 && !_wake.Wait(TimeSpan.FromSeconds(20)))
        {
            throw new InvalidOperationException("the loop sleeps without a timer, and no other thread has woken it: the simulation hangs");
        }
    }

    public void Wake() => _wake.Release();

    public void CloseDescriptor(int fd, bool isSocket) => throw new NotSupportedException("the simulated world has no descriptors");

    public void Dispose() => _wake.Dispose();
}
