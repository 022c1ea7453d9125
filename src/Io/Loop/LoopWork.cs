namespace Harness.Io;

/// <summary>
/// Something that another thread hands to a loop with <see cref="EventLoop.Post(LoopWork)"/>. It is its own queue node, so posting allocates nothing;
/// one object may be posted again only after it has run.
/// </summary>
public abstract class LoopWork
{
    internal LoopWork? NextPosted;

    /// <summary>Runs once on the loop's thread. It must not throw and must not block.</summary>
    protected internal abstract void Run();
}

/// <summary>A <see cref="LoopWork"/> made from a delegate, for code off the hot path.</summary>
/// <param name="action">Runs on the loop's thread.</param>
public sealed class LoopAction(Action action) : LoopWork
{
    /// <inheritdoc/>
    protected internal override void Run() => action();
}
