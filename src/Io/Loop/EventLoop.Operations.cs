using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <content>Submitting, cancelling and completing operations.</content>
public sealed partial class EventLoop
{
    /// <summary>accept4(2) on a listening socket; the result is the new descriptor.</summary>
    public void Accept(IoOperation operation, int fd) => Begin(operation, OperationKind.Accept, fd);

    /// <summary>
    /// connect(2). Where the backlog of a Unix socket is full, the readiness backends end with -EAGAIN, as a non-blocking connect does: try again
    /// after a while. On <c>uring</c> the kernel waits for room in a worker thread of its own; a cancel, a close or
    /// <see cref="IoOperation.TimeoutNs"/> ends that.
    /// </summary>
    public void Connect(IoOperation operation, int fd, SocketEndpoint endpoint)
    {
        operation.Endpoint = endpoint;
        Begin(operation, OperationKind.Connect, fd);
    }

    /// <summary>recv(2): completes with 1 or more bytes as soon as there are some, with 0 at the end of the stream. One at a time per descriptor.</summary>
    public void Receive(IoOperation operation, int fd, NativeSlice into)
    {
        operation.Buffer = into;
        Begin(operation, OperationKind.Receive, fd);
    }

    /// <summary>
    /// poll(2) for POLLIN, once: completes with 0 when a <see cref="Receive"/> would find bytes, the end of the stream or an error, and holds no memory until
    /// then. It may be wrong now and then, as poll(2) may: the receive that follows then waits. In place of a receive: one of the two at a time per descriptor.
    /// </summary>
    public void WaitReadable(IoOperation operation, int fd) => Begin(operation, OperationKind.Readable, fd);

    /// <summary>
    /// sendmsg(2) of what is left in <paramref name="vector"/>. May be short: the owner calls <see cref="SendVector.Advance"/> and sends the rest.
    /// One at a time per descriptor, because two interleave.
    /// </summary>
    public void Send(IoOperation operation, int fd, SendVector vector)
    {
        operation.Vector = vector;
        Begin(operation, OperationKind.Send, fd);
    }

    /// <summary>pread(2) of a regular file.</summary>
    public void Read(IoOperation operation, int fd, NativeSlice into, long offset)
    {
        operation.Buffer = into;
        operation.Offset = offset;
        Begin(operation, OperationKind.Read, fd);
    }

    /// <summary>pwrite(2) of a regular file.</summary>
    public void Write(IoOperation operation, int fd, NativeSlice from, long offset)
    {
        operation.Buffer = from;
        operation.Offset = offset;
        Begin(operation, OperationKind.Write, fd);
    }

    /// <summary>fdatasync(2) of a regular file.</summary>
    public void Flush(IoOperation operation, int fd) => Begin(operation, OperationKind.Flush, fd);

    /// <summary>pread(2) of a regular file, done at once where its bytes are in memory; else as with its descriptor.</summary>
    public void Read(IoOperation operation, RegularFile file, NativeSlice into, long offset)
    {
        operation.Buffer = into;
        operation.Offset = offset;
        Begin(operation, OperationKind.Read, file);
    }

    /// <summary>pwrite(2) of a regular file, done at once where the file lies in memory; else as with its descriptor.</summary>
    public void Write(IoOperation operation, RegularFile file, NativeSlice from, long offset)
    {
        operation.Buffer = from;
        operation.Offset = offset;
        Begin(operation, OperationKind.Write, file);
    }

    /// <summary>fdatasync(2) of a regular file, done at once where the file lies in memory; else as with its descriptor.</summary>
    public void Flush(IoOperation operation, RegularFile file) => Begin(operation, OperationKind.Flush, file);

    /// <summary>fallocate(2) of a regular file, for example to punch a hole.</summary>
    public void Allocate(IoOperation operation, int fd, AllocateMode mode, long offset, long length)
    {
        operation.Mode = (int)mode;
        operation.Offset = offset;
        operation.Length = length;
        Begin(operation, OperationKind.Allocate, fd);
    }

    /// <summary>Asks the kernel to read a part of a regular file into the page cache: posix_fadvise(2) with POSIX_FADV_WILLNEED, a hint.</summary>
    /// <param name="operation">Completes with 0 or a negated errno; the reading may go on.</param>
    /// <param name="fd">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes, less than 2^32.</param>
    public void ReadAhead(IoOperation operation, int fd, long offset, uint length)
    {
        operation.Offset = offset;
        operation.Length = length;
        Begin(operation, OperationKind.ReadAhead, fd);
    }

    /// <summary>
    /// Ends everything pending on the descriptor, then closes it. Each pending operation completes exactly once, before the descriptor is closed,
    /// with -ECANCELED unless it had won the race; then the socket is shut down, the descriptor closed, and this operation completes with 0.
    /// Operations submitted meanwhile on the descriptor complete with -ECANCELED. Closing twice ends the second with -EBADF.
    /// </summary>
    public void Close(IoOperation operation, int fd)
    {
        Take(operation, OperationKind.Close, fd);
        BeginClose(operation);
    }

    /// <summary>Marks an operation as pending that code above the backends will <see cref="Complete"/>, for example a transport in memory.</summary>
    public void BeginCustom(IoOperation operation) => Take(operation, OperationKind.Custom, -1);

    /// <summary>
    /// Asks for the end of an operation. It completes exactly once, with -ECANCELED unless it has won the race. Does nothing where it is not pending;
    /// a close or a custom operation cannot be cancelled here.
    /// </summary>
    public void Cancel(IoOperation operation)
    {
        if (operation.State == OperationState.Submitted && operation.Kind is not (OperationKind.Close or OperationKind.Custom))
        {
            _backend.Cancel(operation);
        }
    }

    /// <summary>
    /// Gives an operation its result; its handler runs in this turn. For backends and transports. Completing an operation that is not in flight is a bug and
    /// throws.
    /// </summary>
    /// <exception cref="InvalidOperationException">The operation is not in flight.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Complete(IoOperation operation, int result)
    {
        if (operation.State != OperationState.Submitted)
        {
            ThrowNotInFlight(operation, result);
        }

        operation.Result = result;
        operation.State = OperationState.Ready;
        operation.NextReady = null;
        if (_readyTail is null)
        {
            _readyHead = operation;
        }
        else
        {
            _readyTail.NextReady = operation;
        }

        _readyTail = operation;
        _readyCount++;
    }

    /// <summary>Completes an operation from another thread: its handler runs in a coming turn.</summary>
    public void CompleteFromAnyThread(IoOperation operation, int result)
    {
        operation.Result = result;
        Post(operation);
    }

    private static void ThrowNotInFlight(IoOperation operation, int result) =>
        throw new InvalidOperationException($"{operation.Kind} on descriptor {operation.Fd} was completed with {result} although it is not in flight: an operation ends exactly once");

    private void Begin(IoOperation operation, OperationKind kind, int fd)
    {
        if (Enter(operation, kind, fd))
        {
            Hand(operation);
        }
    }

    private void Begin(IoOperation operation, OperationKind kind, RegularFile file)
    {
        if (!Enter(operation, kind, file.Fd))
        {
            return;
        }

        if (file.TryNow(operation, asksCache: !_backend.ReadsFiles, _counters, out int result))
        {
            Complete(operation, result);
        }
        else
        {
            Hand(operation);
        }
    }

    /// <summary>The operation is in flight. Returns false where the descriptor is being closed, and the operation has ended with that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Enter(IoOperation operation, OperationKind kind, int fd)
    {
        Descriptor descriptor = DescriptorOf(fd);
        if (descriptor.Events is not null)
        {
            throw new InvalidOperationException($"descriptor {fd} has events; it takes no operations until they are removed");
        }

        Take(operation, kind, fd);
        if (descriptor.Closing is not null)
        {
            Complete(operation, -Errno.ECANCELED);
            return false;
        }

        descriptor.Link(operation);
        return true;
    }

    /// <summary>The backend has it from now on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Hand(IoOperation operation)
    {
        if (operation.TimeoutNs > 0 && !_backend.HasDeadline(operation.Kind))
        {
            operation.DeadlineTimer ??= new LoopTimer(new Deadline(this, operation));
            _timers.Start(operation.DeadlineTimer, _backend.NowNs + operation.TimeoutNs);
        }

        _backend.Submit(operation);
    }

    private void Take(IoOperation operation, OperationKind kind, int fd)
    {
        if (operation.State != OperationState.Idle)
        {
            throw new InvalidOperationException($"the operation is still in flight as {operation.Kind} on descriptor {operation.Fd}; submit it again only after its completion");
        }

        operation.Loop = this;
        operation.Kind = kind;
        operation.Fd = fd;
        operation.State = OperationState.Submitted;
        operation.DeadlinePassed = false;
        PendingOperations++;
    }

    private void Finish(IoOperation operation)
    {
        operation.State = OperationState.Idle;
        PendingOperations--;
        if (operation.DeadlineTimer is { IsRunning: true } deadline)
        {
            _timers.Stop(deadline);
        }

        if (operation.DeadlinePassed && operation.Result == -Errno.ECANCELED)
        {
            operation.Result = -Errno.ETIME;
        }

        int fd = operation.Fd;
        bool linked = operation.Kind is not (OperationKind.Close or OperationKind.Custom);
        Count(operation);
        if (linked)
        {
            DescriptorOf(fd).Unlink(operation);
        }

        operation.Handler.OnCompleted(operation, operation.Result);
        if (linked)
        {
            ContinueClose(fd);
        }
    }

    private void Count(IoOperation operation)
    {
        if (operation.Result > 0)
        {
            if (operation.Kind == OperationKind.Receive)
            {
                _counters.BytesReceived += operation.Result;
            }
            else if (operation.Kind == OperationKind.Send)
            {
                _counters.BytesSent += operation.Result;
            }
            else if (operation.Kind is OperationKind.Read or OperationKind.Write)
            {
                _counters.FileBytes += operation.Result;
            }
        }
    }

    /// <summary>The loop's own deadline for backends that have none: cancels, and remembers why.</summary>
    private sealed class Deadline(EventLoop loop, IoOperation operation) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer)
        {
            operation.DeadlinePassed = true;
            loop.Cancel(operation);
        }
    }
}

/// <summary>What an <see cref="EventLoop.Allocate"/> does to a range of a file; see fallocate(2).</summary>
public enum AllocateMode
{
    /// <summary>FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE: the range reads as zeroes and takes no space.</summary>
    PunchHole = Unistd.FALLOC_FL_PUNCH_HOLE | Unistd.FALLOC_FL_KEEP_SIZE,

    /// <summary>FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE: the range reads as zeroes and keeps its space.</summary>
    ZeroRange = Unistd.FALLOC_FL_ZERO_RANGE | Unistd.FALLOC_FL_KEEP_SIZE,
}
