using System.Diagnostics;

namespace Harness.Io;

/// <summary>What an <see cref="IoOperation"/> asks the kernel for.</summary>
public enum OperationKind : byte
{
    /// <summary>Not submitted yet.</summary>
    None,

    /// <summary>accept4(2); the result is the new descriptor, close-on-exec.</summary>
    Accept,

    /// <summary>connect(2).</summary>
    Connect,

    /// <summary>recv(2); 0 is the end of the stream.</summary>
    Receive,

    /// <summary>poll(2) for POLLIN; the result is 0 once a receive would find bytes, the end of the stream or an error.</summary>
    Readable,

    /// <summary>sendmsg(2) with MSG_NOSIGNAL; may be short.</summary>
    Send,

    /// <summary>pread(2); may be short, 0 at the end of the file.</summary>
    Read,

    /// <summary>pwrite(2); may be short.</summary>
    Write,

    /// <summary>fdatasync(2).</summary>
    Flush,

    /// <summary>fallocate(2).</summary>
    Allocate,

    /// <summary>posix_fadvise(2) with POSIX_FADV_WILLNEED.</summary>
    ReadAhead,

    /// <summary>Ends everything pending on a descriptor, then close(2).</summary>
    Close,

    /// <summary>Completed by code above the backends, for example a transport in memory.</summary>
    Custom,
}

/// <summary>Receives the end of an operation.</summary>
public interface IIoHandler
{
    /// <summary>
    /// The operation has ended: called exactly once for each submission, on the loop's thread, never from inside the call that submitted it. The
    /// operation may be submitted again from here. It must not throw: an exception here ends the loop.
    /// </summary>
    /// <param name="operation">The operation, idle again.</param>
    /// <param name="result">The system call's result, 0 or more, or a negated errno: -ECANCELED after a cancel or a close, -ETIME after its deadline.</param>
    void OnCompleted(IoOperation operation, int result);
}

/// <summary>
/// One thing in flight in a loop. Its owner creates it once and submits it again and again; the loop allocates nothing for it. It belongs to one loop's thread.
/// </summary>
/// <param name="handler">Told when the operation ends.</param>
public sealed class IoOperation(IIoHandler handler) : LoopWork
{
    internal EventLoop? Loop;
    internal IoOperation? NextReady;
    internal IoOperation? PreviousOnFd;
    internal IoOperation? NextOnFd;
    internal LoopTimer? DeadlineTimer;
    internal OperationState State;
    internal bool DeadlinePassed;
    internal bool CancelRequested;

    // The last receive took less than there was room for, so the stream was empty then, and most likely still is.
    internal bool FoundEmpty;

    /// <summary>Told when the operation ends.</summary>
    public IIoHandler Handler { get; } = handler;

    /// <summary>What was asked for last.</summary>
    public OperationKind Kind { get; internal set; }

    /// <summary>The descriptor that it works on.</summary>
    public int Fd { get; internal set; } = -1;

    /// <summary>Memory of a receive, read or write; the owner keeps it alive until the completion.</summary>
    public NativeSlice Buffer { get; internal set; }

    /// <summary>What a send takes; the owner leaves it alone until the completion.</summary>
    public SendVector? Vector { get; internal set; }

    /// <summary>Where a connect goes.</summary>
    public SocketEndpoint? Endpoint { get; internal set; }

    /// <summary>Byte offset of a read, write or allocate.</summary>
    public long Offset { get; internal set; }

    /// <summary>Bytes of an allocate.</summary>
    public long Length { get; internal set; }

    /// <summary>fallocate(2)'s mode.</summary>
    public int Mode { get; internal set; }

    /// <summary>
    /// Nanoseconds after submission at which the operation ends with -ETIME; 0 is never. Set before submitting; it stays for later submissions.
    /// On <c>uring</c> it is a linked timeout (IORING_OP_LINK_TIMEOUT), elsewhere a timer of the loop.
    /// </summary>
    public long TimeoutNs { get; set; }

    /// <summary>The last result, as told to the handler.</summary>
    public int Result { get; internal set; }

    /// <summary>True from the submission until the handler is called.</summary>
    public bool IsPending => State != OperationState.Idle;

    /// <summary>A place where the backend that has the operation may keep a number, such as a slot.</summary>
    public int BackendSlot { get; set; } = -1;

    /// <summary>Completes the operation on its loop: how worker threads hand back a result that they left in <see cref="Result"/>.</summary>
    protected internal override void Run()
    {
        Debug.Assert(Loop is not null, "posted without a loop");
        Loop!.Complete(this, Result);
    }
}

/// <summary>Where an operation is.</summary>
internal enum OperationState : byte
{
    /// <summary>Its owner may submit it.</summary>
    Idle,

    /// <summary>The backend has it.</summary>
    Submitted,

    /// <summary>It has a result; its handler runs in this turn.</summary>
    Ready,
}
