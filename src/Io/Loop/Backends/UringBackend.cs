using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// <c>uring</c>: every operation is a submission queue entry, and its completion the result. Operations live in slots; a completion carries slot and
/// generation, so that a late one is never taken for another's. One enter hands over a turn's entries and waits.
/// </summary>
internal sealed unsafe class UringBackend : ILoopBackend, ICompletionSink
{
    private readonly LoopCounters _counters = new();
    private readonly WakeEvent _wake = new();
    private readonly LoopRing _ring;
    private readonly RingPolls _polls;
    private Slot[] _slots = new Slot[256];
    private int[] _free = new int[256];
    private int _freeCount;
    private readonly bool _knowsPollFirst;
    private int[] _held = new int[16];
    private int _heldCount;
    private bool _holdsReceives;
    private bool _gathered;
    private bool _foundWork;
    private EventLoop _loop = null!;

    /// <param name="environment">The kernel, where it is not that of the machine.</param>
    public UringBackend(RingEnvironment? environment = null)
    {
        _ring = new LoopRing(_wake, _counters, this, environment: environment);
        _polls = new RingPolls(_ring, _counters, RingPollMode.OneShot);
        _knowsPollFirst = _ring.Ring.KnowsPollFirst;
        for (int slot = _slots.Length - 1; slot >= 0; slot--)
        {
            _free[_freeCount++] = slot;
        }
    }

    public string Name => "uring";

    public string Description => _ring.Description;

    public long NowNs => MonotonicClock.NowNs;

    public LoopCounters Counters
    {
        get
        {
            _ring.Publish();
            return _counters;
        }
    }

    public ForeignClose OnForeignClose => ForeignClose.HeldOpen;

    public void Attach(EventLoop loop)
    {
        _loop = loop;
        _polls.Attach(loop);
    }

    public void Wake() => _wake.Set();

    public void SetInterest(int fd, FdFlags interest) => _polls.SetInterest(fd, interest);

    public void Rewatch(int fd) => _polls.Rewatch(fd);

    public FdFlags Confirm(int fd, FdFlags interest) => _polls.Confirm(fd, interest);

    public bool StillWatches(int fd) => true;

    public bool Quiesce(int fd) => _polls.Quiesce(fd);

    // A linked timeout does not end a connect that waits in a worker thread for room in a Unix backlog (seen on 6.18); a cancel does.
    public bool HasDeadline(OperationKind kind) => kind != OperationKind.Connect;

    public bool HoldsReceives
    {
        set => _holdsReceives = value;
    }

    public void Submit(IoOperation operation)
    {
        int index = TakeSlot(operation);
        if (_holdsReceives && operation.Kind == OperationKind.Receive && operation.TimeoutNs <= 0)
        {
            Hold(index);
            return;
        }

        HandOver(operation, index);
    }

    private void HandOver(IoOperation operation, int index)
    {
        bool hasDeadline = operation.TimeoutNs > 0 && HasDeadline(operation.Kind);
        _ring.Reserve(hasDeadline ? 2 : 1);
        ulong userData = LoopRing.Pack(CompletionTag.Operation, index, _slots[index].Generation);
        Prepare(operation, userData, hasDeadline ? SqeFlags.IO_LINK : SqeFlags.NONE);
        if (hasDeadline)
        {
            _slots[index].Outstanding = 2;
            _ring.Ring.PrepareLinkTimeout(operation.TimeoutNs, LoopRing.Pack(CompletionTag.LinkTimeout, index, _slots[index].Generation));
        }
    }

    public void Cancel(IoOperation operation)
    {
        HandOverHeld();
        operation.CancelRequested = true;
        int index = operation.BackendSlot;
        _ring.Reserve(1);
        _ring.Ring.PrepareCancel(LoopRing.Pack(CompletionTag.Operation, index, _slots[index].Generation), LoopRing.Ignored);
    }

    public void Wait(long timeoutNs, int maxEvents)
    {
        HandOverHeld();
        _ring.Wait(timeoutNs);
    }

    public void Gather(long pauseNs)
    {
        _foundWork = false;
        _ring.Wait(0);
        if (!_foundWork)
        {
            Pause.Sleep(pauseNs, _counters);
            _gathered = true;
        }
    }

    public void OnCompletion(CompletionTag tag, int index, uint generation, Cqe completion)
    {
        if (tag == CompletionTag.Event)
        {
            _foundWork = true;
            if (_polls.OnCompletion(index, generation, completion))
            {
                _loop.DescriptorQuiet(index);
            }

            return;
        }

        ref Slot slot = ref _slots[index];
        if ((slot.Generation & LoopRing.GenerationMask) != generation || slot.Operation is not { } operation)
        {
            return;
        }

        if (tag == CompletionTag.LinkTimeout)
        {
            operation.DeadlinePassed = completion.Result == -Errno.ETIME;
        }
        else
        {
            slot.Result = completion.Result;
        }

        if (--slot.Outstanding == 0)
        {
            Settle(index, operation, slot.Result);
        }
    }

    public void CloseDescriptor(int fd, bool isSocket)
    {
        if (isSocket)
        {
            _counters.Count(SystemCall.shutdown);
            Socket.shutdown(fd, Socket.SHUT_RDWR);
        }

        _counters.Count(SystemCall.close);
        Unistd.close(fd);
    }

    public void Dispose()
    {
        EndEverything();
        _ring.Dispose();
        _wake.Dispose();
    }

    /// <summary>
    /// Closing a ring ends its operations only some time later, and until then the kernel may still write to memory that the caller frees next. So they
    /// are cancelled and waited for; a disk that does not answer is not waited for without end.
    /// </summary>
    private void EndEverything()
    {
        const int Tries = 50;
        const long PatienceNs = 20_000_000;
        HandOverHeld();
        for (int tries = 0; _freeCount < _slots.Length && tries < Tries; tries++)
        {
            _ring.Reserve(1);
            _ring.Ring.PrepareCancelAny(LoopRing.Ignored);
            _ring.Wait(PatienceNs);
        }
    }

    private void Prepare(IoOperation operation, ulong userData, SqeFlags flags)
    {
        Ring ring = _ring.Ring;
        int fd = operation.Fd;
        NativeSlice buffer = operation.Buffer;
        switch (operation.Kind)
        {
            case OperationKind.Receive:
                ring.PrepareReceive(fd, buffer.Address, (uint)buffer.Length, 0, userData, flags, operation.FoundEmpty && _knowsPollFirst);
                break;
            case OperationKind.Readable:
                ring.PreparePollAdd(fd, (uint)(Poll.POLLIN | Poll.POLLRDHUP), multishot: false, userData, flags);
                break;
            case OperationKind.Send:
                ring.PrepareSendMessage(fd, (nint)operation.Vector!.Header, Socket.MSG_NOSIGNAL, userData, flags);
                break;
            case OperationKind.Accept:
                ring.PrepareAccept(fd, Socket.SOCK_CLOEXEC, multishot: false, userData, flags);
                break;
            case OperationKind.Connect:
                ring.PrepareConnect(fd, (nint)operation.Endpoint!.Address, (uint)operation.Endpoint.Length, userData, flags);
                break;
            case OperationKind.Read:
                ring.PrepareRead(fd, buffer.Address, (uint)buffer.Length, (ulong)operation.Offset, userData, flags);
                break;
            case OperationKind.Write:
                ring.PrepareWrite(fd, buffer.Address, (uint)buffer.Length, (ulong)operation.Offset, userData, flags);
                break;
            case OperationKind.Flush:
                ring.PrepareFsync(fd, dataOnly: true, userData, flags);
                break;
            case OperationKind.Allocate:
                ring.PrepareFallocate(fd, operation.Mode, (ulong)operation.Offset, (ulong)operation.Length, userData, flags);
                break;
            case OperationKind.ReadAhead:
                ring.PrepareFadvise(fd, Unistd.POSIX_FADV_WILLNEED, (ulong)operation.Offset, (uint)operation.Length, userData, flags);
                break;
            default:
                throw new InvalidOperationException($"{operation.Kind} is not for a backend");
        }
    }

    /// <summary>
    /// Completes the operation when all of its completions are in. With a deadline there are two, in either order, and only together do they tell a
    /// deadline from a cancel.
    /// </summary>
    private void Settle(int index, IoOperation operation, int result)
    {
        _foundWork |= operation.Kind != OperationKind.Send;
        _slots[index].Operation = null;
        _slots[index].Generation++;
        operation.BackendSlot = -1;
        _free[_freeCount++] = index;
        if (result == -Errno.EINTR)
        {
            // A worker thread of the kernel was interrupted: by our cancel, or by something that is none of the caller's business.
            if (!operation.CancelRequested)
            {
                Submit(operation);
                return;
            }

            result = -Errno.ECANCELED;
        }

        operation.FoundEmpty = operation.Kind == OperationKind.Receive && result > 0 && result < operation.Buffer.Length;
        // A poll's result is the events that it found; which they are is for the receive to say.
        _loop.Complete(operation, operation.Kind == OperationKind.Readable && result > 0 ? 0 : result);
    }

    private void Hold(int index)
    {
        if (_heldCount == _held.Length)
        {
            Array.Resize(ref _held, _held.Length * 2);
        }

        _held[_heldCount++] = index;
    }

    /// <summary>Queues the receives that were kept back. After a pause data is likely there, so none of them waits for readiness first.</summary>
    private void HandOverHeld()
    {
        for (int i = 0; i < _heldCount; i++)
        {
            IoOperation operation = _slots[_held[i]].Operation!;
            operation.FoundEmpty &= !_gathered;
            HandOver(operation, _held[i]);
        }

        _heldCount = 0;
        _gathered = false;
    }

    private int TakeSlot(IoOperation operation)
    {
        if (_freeCount == 0)
        {
            Grow();
        }

        int index = _free[--_freeCount];
        ref Slot slot = ref _slots[index];
        slot.Operation = operation;
        slot.Outstanding = 1;
        operation.BackendSlot = index;
        operation.CancelRequested = false;
        return index;
    }

    private void Grow()
    {
        int old = _slots.Length;

        Array.Resize(ref _slots, old * 2);
        Array.Resize(ref _free, old * 2);
        for (int slot = (old * 2) - 1; slot >= old; slot--)
        {
            _free[_freeCount++] = slot;
        }
    }

    private struct Slot
    {
        public IoOperation? Operation;
        public uint Generation;
        public int Outstanding;
        public int Result;
    }
}
