namespace Harness.Io;

/// <summary>What a loop does with nothing to do.</summary>
public enum WaitMode
{
    /// <summary>Sleeps in the kernel at once: no CPU when idle, a wake-up (tens of microseconds in a virtual machine) per round trip.</summary>
    Block,

    /// <summary>Never sleeps: the shortest round trip for a whole CPU.</summary>
    Spin,

    /// <summary>Spins for <see cref="EventLoop.AdaptiveSpinNs"/>, then sleeps.</summary>
    Adaptive,
}
