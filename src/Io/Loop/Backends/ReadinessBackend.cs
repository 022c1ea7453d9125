using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// What poll, epoll, uring-poll and uring-epoll share: they learn that a descriptor is ready and make the socket call themselves. An operation is tried where
/// the descriptor may be ready, armed where it is not, and tried again when the kernel says so. A subclass supplies only arm, disarm and wait.
/// </summary>
/// <remarks>
/// A receive that filled less than its buffer has emptied the stream, so the next one arms without a call that would only return EAGAIN: epoll(7)
/// allows this for streams. The end of the stream may hide behind such a short receive, so once the kernel has reported a hang-up every receive is
/// tried.
/// </remarks>
internal abstract unsafe class ReadinessBackend : ILoopBackend
{
    private Watch?[] _watches = new Watch?[64];
    private FileWorkers? _files;

    public abstract string Name { get; }

    public virtual string Description => string.Empty;

    public long NowNs => MonotonicClock.NowNs;

    public virtual LoopCounters Counters => Calls;

    /// <summary>What this object itself counts; <see cref="Counters"/> is the whole.</summary>
    protected LoopCounters Calls { get; } = new();

    protected EventLoop Loop { get; private set; } = null!;

    protected WakeEvent WakeUp { get; } = new();

    public virtual void Attach(EventLoop loop) => Loop = loop;

    public abstract void Wait(long timeoutNs, int maxEvents);

    public void Gather(long pauseNs) => Pause.Sleep(pauseNs, Calls);

    public abstract ForeignClose OnForeignClose { get; }

    public abstract void SetInterest(int fd, FdFlags interest);

    public abstract void Rewatch(int fd);

    public abstract FdFlags Confirm(int fd, FdFlags interest);

    public virtual bool StillWatches(int fd) => true;

    public void Wake() => WakeUp.Set();

    public bool HasDeadline(OperationKind kind) => false;

    public bool ReadsFiles => false;

    public void Submit(IoOperation operation)
    {
        switch (operation.Kind)
        {
            case OperationKind.Receive or OperationKind.Readable or OperationKind.Accept:
                SubmitRead(operation);
                break;
            case OperationKind.Send or OperationKind.Connect:
                SubmitWrite(operation);
                break;
            default:
                _files ??= new FileWorkers(Loop);
                _files.Submit(operation);
                break;
        }
    }

    public void Cancel(IoOperation operation)
    {
        Watch watch = WatchOf(operation.Fd);
        if (watch.Reader == operation)
        {
            watch.Reader = null;
            DisarmRead(watch);
        }
        else if (watch.Writer == operation)
        {
            watch.Writer = null;
            DisarmWrite(watch);
        }
        else
        {
            // A worker has it: it is dropped if it has not begun, and keeps its result otherwise.
            Volatile.Write(ref operation.CancelRequested, true);
            return;
        }

        Loop.Complete(operation, -Errno.ECANCELED);
    }

    public abstract bool Quiesce(int fd);

    public void CloseDescriptor(int fd, bool isSocket)
    {
        if ((uint)fd < (uint)_watches.Length && _watches[fd] is { } watch)
        {
            watch.Reset();
        }

        if (isSocket)
        {
            Calls.Count(SystemCall.shutdown);
            Socket.shutdown(fd, Socket.SHUT_RDWR);
        }

        Calls.Count(SystemCall.close);
        Unistd.close(fd);
    }

    public virtual void Dispose()
    {
        _files?.Dispose();
        WakeUp.Dispose();
    }

    /// <summary>From now on the kernel must tell when the descriptor becomes readable.</summary>
    protected abstract void ArmRead(Watch watch);

    /// <summary>From now on the kernel must tell when the descriptor becomes writable.</summary>
    protected abstract void ArmWrite(Watch watch);

    /// <summary>Nobody waits for readability any more; the subclass may keep the arming where it is harmless.</summary>
    protected abstract void DisarmRead(Watch watch);

    /// <summary>Nobody waits for writability any more; the subclass may keep the arming where it is harmless.</summary>
    protected abstract void DisarmWrite(Watch watch);

    /// <summary>The kernel has reported readiness: tries what waits for it.</summary>
    /// <param name="watch">The descriptor.</param>
    /// <param name="readable">Something can be received or accepted.</param>
    /// <param name="writable">Something can be sent.</param>
    /// <param name="ended">The peer sends no more (POLLRDHUP). That lasts, and says nothing of sending: the peer may still read, or not.</param>
    /// <param name="hungUp">The stream is over or has failed in both directions (POLLHUP, POLLERR): whatever waits is to be tried.</param>
    protected void OnReady(Watch watch, bool readable, bool writable, bool ended, bool hungUp)
    {
        watch.HungUp |= hungUp || ended;
        if (readable || ended || hungUp)
        {
            watch.MayRead = true;
            if (watch.Reader is not null)
            {
                TryRead(watch);
            }
        }

        if (writable || hungUp)
        {
            watch.MayWrite = true;
            if (watch.Writer is not null)
            {
                TryWrite(watch);
            }
        }
    }

    protected Watch WatchOf(int fd)
    {
        if ((uint)fd < (uint)_watches.Length && _watches[fd] is { } known)
        {
            return known;
        }

        if (fd >= _watches.Length)
        {
            Array.Resize(ref _watches, Math.Max(fd + 1, _watches.Length * 2));
        }

        return _watches[fd] = new Watch(fd);
    }

    private void SubmitRead(IoOperation operation)
    {
        Watch watch = WatchOf(operation.Fd);
        if (watch.Reader is not null)
        {
            throw new InvalidOperationException($"descriptor {operation.Fd} already has a {watch.Reader.Kind} in flight; one at a time");
        }

        watch.Reader = operation;
        if (operation.Kind == OperationKind.Accept && !watch.Nonblocking)
        {
            SetNonblocking(watch, true);
        }

        if (watch.MayRead)
        {
            TryRead(watch);
        }
        else
        {
            ArmRead(watch);
        }
    }

    private void SubmitWrite(IoOperation operation)
    {
        Watch watch = WatchOf(operation.Fd);
        if (watch.Writer is not null)
        {
            throw new InvalidOperationException($"descriptor {operation.Fd} already has a {watch.Writer.Kind} in flight; one at a time");
        }

        watch.Writer = operation;
        if (operation.Kind == OperationKind.Connect)
        {
            StartConnect(watch, operation);
        }
        else if (watch.MayWrite)
        {
            TryWrite(watch);
        }
        else
        {
            ArmWrite(watch);
        }
    }

    private void TryRead(Watch watch)
    {
        IoOperation operation = watch.Reader!;
        if (operation.Kind == OperationKind.Readable)
        {
            // What is there stays there, and the receive that follows is tried at once.
            watch.Reader = null;
            DisarmRead(watch);
            Loop.Complete(operation, 0);
            return;
        }

        bool accepts = operation.Kind == OperationKind.Accept;
        nint result = accepts
            ? Call(SystemCall.accept4, Socket.accept4(watch.Fd, null, null, Socket.SOCK_CLOEXEC))
            : Call(SystemCall.recvfrom, Socket.recv(watch.Fd, (void*)operation.Buffer.Address, (nuint)operation.Buffer.Length, Socket.MSG_DONTWAIT));
        if (result == -Errno.EAGAIN)
        {
            watch.MayRead = false;
            ArmRead(watch);
            return;
        }

        if (result == -Errno.EINTR)
        {
            TryRead(watch);
            return;
        }

        watch.MayRead = accepts || result <= 0 || result == operation.Buffer.Length || watch.HungUp;
        watch.Reader = null;
        DisarmRead(watch);
        Loop.Complete(operation, (int)result);
    }

    private void TryWrite(Watch watch)
    {
        IoOperation operation = watch.Writer!;
        nint result = operation.Kind == OperationKind.Connect
            ? ConnectResult(watch)
            : Call(SystemCall.sendmsg, Socket.sendmsg(watch.Fd, operation.Vector!.Header, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL));
        if (result == -Errno.EAGAIN)
        {
            watch.MayWrite = false;
            ArmWrite(watch);
            return;
        }

        if (result == -Errno.EINTR)
        {
            TryWrite(watch);
            return;
        }

        FinishWrite(watch, (int)result);
    }

    private void FinishWrite(Watch watch, int result)
    {
        IoOperation operation = watch.Writer!;
        watch.Writer = null;
        if (operation.Kind == OperationKind.Connect)
        {
            SetNonblocking(watch, false);
        }

        DisarmWrite(watch);
        Loop.Complete(operation, result);
    }

    /// <summary>Starts a connect in non-blocking mode; its end is told by writability and read from SO_ERROR, see connect(2) under EINPROGRESS.</summary>
    private void StartConnect(Watch watch, IoOperation operation)
    {
        SetNonblocking(watch, true);
        SocketEndpoint endpoint = operation.Endpoint!;
        nint result = Call(SystemCall.connect, Socket.connect(watch.Fd, endpoint.Address, (uint)endpoint.Length));
        if (result is -Errno.EINPROGRESS or -Errno.EINTR)
        {
            watch.MayWrite = false;
            ArmWrite(watch);
        }
        else
        {
            FinishWrite(watch, (int)result);
        }
    }

    private int ConnectResult(Watch watch)
    {
        int error = 0;
        uint length = sizeof(int);
        nint result = Call(SystemCall.getsockopt, Socket.getsockopt(watch.Fd, Socket.SOL_SOCKET, Socket.SO_ERROR, &error, &length));
        return result < 0 ? (int)result : -error;
    }

    private void SetNonblocking(Watch watch, bool on)
    {
        nint flags = Call(SystemCall.fcntl, Unistd.fcntl(watch.Fd, Unistd.F_GETFL, 0));
        if (flags >= 0)
        {
            Call(SystemCall.fcntl, Unistd.fcntl(watch.Fd, Unistd.F_SETFL, on ? flags | Unistd.O_NONBLOCK : flags & ~Unistd.O_NONBLOCK));
        }

        watch.Nonblocking = on;
    }

    /// <summary>Counts a system call that has just been made and turns -1 into the negated errno.</summary>
    private nint Call(SystemCall call, nint result)
    {
        int errno = result < 0 ? Marshal.GetLastSystemError() : 0;
        Calls.Count(call);
        return result < 0 ? -errno : result;
    }

    /// <summary>What is known and wanted of one descriptor.</summary>
    internal sealed class Watch(int fd)
    {
        public readonly int Fd = fd;
        public IoOperation? Reader;
        public IoOperation? Writer;
        public bool MayRead;
        public bool MayWrite = true;
        public bool HungUp;
        public bool Nonblocking;

        /// <summary>What events on the descriptor ask for; there are no operations where it is not None.</summary>
        public FdFlags Interest;

        /// <summary>For the subclass: what it has armed in the kernel, and where it keeps it.</summary>
        public uint Armed;
        public int Index = -1;

        /// <summary>Raised at each close, so that a completion of the descriptor that had this number before is known.</summary>
        public uint Generation;

        public void Reset()
        {
            Generation++;
            MayRead = false;
            MayWrite = true;
            HungUp = false;
            Nonblocking = false;
            Interest = FdFlags.None;
            Armed = 0;
            Index = -1;
        }
    }
}
