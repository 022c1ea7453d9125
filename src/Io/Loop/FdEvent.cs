namespace Harness.Io;

/// <summary>What an <see cref="FdEvent"/> waits for, and what it is told of.</summary>
[Flags]
public enum FdFlags : byte
{
    /// <summary>Nothing: the event stays added and sleeps.</summary>
    None = 0,

    /// <summary>
    /// The descriptor can be read without blocking: bytes, a connection, the end of the stream, or an error to be had (POLLIN, POLLRDHUP, POLLHUP, POLLERR).
    /// </summary>
    Read = 1,

    /// <summary>The descriptor can be written without blocking, or a write would fail at once (POLLOUT, POLLHUP, POLLERR).</summary>
    Write = 2,

    /// <summary>Both.</summary>
    ReadWrite = Read | Write,
}

/// <summary>Told what becomes of an <see cref="FdEvent"/>. Called on the loop's thread, never from inside a call on the loop; must not throw.</summary>
public interface IFdHandler
{
    /// <summary>
    /// The descriptor is ready. Level-triggered: as long as it stays ready and the event asks for it, this is called again. It may add, change and remove any
    /// event of the loop, this one included, and may run the loop.
    /// </summary>
    /// <param name="fdEvent">The event.</param>
    /// <param name="ready">Which of the flags that the event asks for are ready; at least one.</param>
    void OnReady(FdEvent fdEvent, FdFlags ready);

    /// <summary>
    /// The event has been removed by something else than <see cref="EventLoop.RemoveFd"/>, and is not told of anything any more. It may be added again from
    /// here.
    /// </summary>
    /// <param name="fdEvent">The event.</param>
    /// <param name="error">-ECANCELED: the descriptor is being closed through the loop. -EBADF: somebody else closed it, as far as the backend can
    /// tell.</param>
    void OnEnded(FdEvent fdEvent, int error);
}

/// <summary>
/// Interest in a descriptor, level-triggered, as tevent has it. A descriptor may have several, each with its own flags and handler. Its owner creates it once;
/// adding, changing and removing allocate nothing once the loop knows the descriptor. It belongs to one loop's thread.
/// </summary>
/// <param name="handler">Told when the descriptor is ready.</param>
public sealed class FdEvent(IFdHandler handler)
{
    internal EventLoop? Loop;
    internal FdEvent? Next;
    internal FdEvent? NextEnded;
    internal int EndError;

    // The batch in which its handler was called last: one batch calls each handler at most once.
    internal long Batch;

    /// <summary>Told when the descriptor is ready.</summary>
    public IFdHandler Handler { get; } = handler;

    /// <summary>The descriptor; -1 before it was ever added.</summary>
    public int Fd { get; internal set; } = -1;

    /// <summary>What it waits for; changed with <see cref="EventLoop.SetFlags"/>.</summary>
    public FdFlags Flags { get; internal set; }

    /// <summary>True from <see cref="EventLoop.AddFd"/> until it is removed or has ended.</summary>
    public bool IsAdded => Loop is not null;
}
