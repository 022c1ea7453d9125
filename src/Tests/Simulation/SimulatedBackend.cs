namespace Harness.Tests;

/// <summary>
/// A backend without a kernel: its clock moves only when the loop would sleep, and then at once to the end of the sleep. What the loop waits for comes from
/// transports in memory (custom operations) and from other threads.
/// </summary>
internal sealed class SimulatedBackend : BareBackend
{
    private readonly SemaphoreSlim _wake = new(0);

    public override string Name => "simulated";

    public void Advance(TimeSpan time) => NowNs += time.Ticks * 100;

    public override void Wait(long timeoutNs, int maxEvents)
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

    public override void Wake() => _wake.Release();

    public override void Dispose() => _wake.Dispose();
}
