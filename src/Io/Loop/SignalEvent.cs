namespace Harness.Io;

/// <summary>Told when signals have come; see <see cref="SignalEvent"/>.</summary>
public interface ISignalHandler
{
    /// <summary>
    /// Called on the loop's thread; must not throw. It may remove the event, which is how a handler is called for one signal only.
    /// </summary>
    /// <param name="signalEvent">The event.</param>
    /// <param name="count">How many have been seen since the last call, 1 or more. The kernel merges equal signals that are pending, see signal(7).</param>
    void OnSignal(SignalEvent signalEvent, int count);
}

/// <summary>Interest in a signal of this process. Several events and several loops may ask for the same signal: each is told.</summary>
/// <param name="handler">Told when signals have come.</param>
public sealed class SignalEvent(ISignalHandler handler)
{
    internal IDisposable? Source;
    internal SignalEvent? Next;
    internal int Pending;

    /// <summary>Told when signals have come.</summary>
    public ISignalHandler Handler { get; } = handler;

    /// <summary>The signal's number, see signal(7); 0 before it was ever added.</summary>
    public int Signal { get; internal set; }

    /// <summary>True from <see cref="EventLoop.AddSignal"/> until <see cref="EventLoop.RemoveSignal"/>.</summary>
    public bool IsAdded => Source is not null;
}
