namespace Harness.Io;

/// <summary>Told when its turn has come; see <see cref="ImmediateEvent"/>.</summary>
public interface IImmediateHandler
{
    /// <summary>
    /// The event is no longer scheduled; it may be scheduled again from here, and then comes later. Called on the loop's thread; must not throw.
    /// </summary>
    void OnImmediate(ImmediateEvent immediate);
}

/// <summary>
/// A call that the loop makes next, before it looks at timers, signals and descriptors; several come in the order in which they were scheduled. Its owner
/// creates it once; scheduling allocates nothing. It belongs to one loop's thread: another thread uses <see cref="EventLoop.Post(LoopWork)"/>.
/// </summary>
/// <param name="handler">Called once for each scheduling.</param>
public sealed class ImmediateEvent(IImmediateHandler handler)
{
    internal ImmediateEvent? Next;
    internal ImmediateEvent? Previous;

    /// <summary>Called once for each scheduling.</summary>
    public IImmediateHandler Handler { get; } = handler;

    /// <summary>True from <see cref="EventLoop.Schedule"/> until it is cancelled or its handler is called.</summary>
    public bool IsScheduled { get; internal set; }
}
