using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

// Submission: fill a slot, publish the tail, enter the kernel.
public sealed unsafe partial class Ring
{
    private readonly long[] _sqesByOpcode = new long[64];
    private uint _tail;
    private uint _published;
    private int _enterFd;
    private EnterFlags _enterFlags;

    /// <summary>Calls of <c>io_uring_enter(2)</c> so far, failed ones included.</summary>
    public long Enters;

    /// <summary>Entries published to the kernel so far.</summary>
    public long Sqes;

    /// <summary>Entries published so far by opcode: index <see cref="RingOpcode"/>, length 64.</summary>
    public ReadOnlySpan<long> SqesByOpcode => _sqesByOpcode;

    /// <summary>Entries prepared, or published and not yet taken by the kernel.</summary>
    public uint SubmissionsPending => _tail - Volatile.Read(ref *_sqHead);

    /// <summary>Slots free for further entries.</summary>
    public uint SqSpaceLeft => _sqEntries - SubmissionsPending;

    /// <summary>
    /// True when completions wait outside the queue, where <see cref="TryPeek"/> does not see them: deferred ones, or those that found the queue full.
    /// <see cref="SubmitAndGetEvents"/> and the waiting calls bring them in. A memory read, so a spinning loop can ask each time around.
    /// </summary>
    public bool NeedsEnter
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Volatile.Read(ref *_sqFlags) & (IoUring.IORING_SQ_TASKRUN | IoUring.IORING_SQ_CQ_OVERFLOW)) != 0;
    }

    /// <summary>The next free entry, zeroed, or null when the queue is full: submit, then ask again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal io_uring_sqe* TryGetSqe()
    {
        uint tail = _tail;
        if (tail - Volatile.Read(ref *_sqHead) >= _sqEntries)
        {
            return null;
        }

        _tail = tail + 1;
        io_uring_sqe* sqe = _sqes + (tail & _sqMask);
        *sqe = default;
        return sqe;
    }

    /// <summary>The entry that was prepared last, until it is submitted: for experiments with what no Prepare offers.</summary>
    internal io_uring_sqe* LastPrepared => _sqes + ((_tail - 1) & _sqMask);

    /// <summary>Submits what is prepared, without waiting. Nothing prepared, no call.</summary>
    /// <returns>
    /// Entries the kernel took, or minus errno. Fewer than were prepared: an entry was bad and <see cref="SetupFlags.SUBMIT_ALL"/> is not granted;
    /// submit again for the rest.
    /// <c>-EEXIST</c> another thread owns the ring (the entries then go out with the owner's next call) · <c>-EBADFD</c> not enabled ·
    /// <c>-EBUSY</c> the completion queue is full: take some, then again · <c>-EAGAIN</c> no memory for a request: wait for completions, then again.
    /// </returns>
    public int Submit()
    {
        uint fresh = Publish(out uint pending);
        if (_submissionPolling)
        {
            return EnterPolled(fresh, 0, EnterFlags.NONE, null, 0);
        }

        return pending == 0 ? 0 : Call(pending, 0, EnterFlags.NONE, null, 0);
    }

    /// <summary>
    /// Submits what is prepared and brings in completions that wait outside the queue, without waiting for any: the one call a spinning loop makes. No call
    /// when there is neither.
    /// </summary>
    /// <returns>As <see cref="Submit"/>.</returns>
    public int SubmitAndGetEvents()
    {
        uint fresh = Publish(out uint pending);
        bool waiting = NeedsEnter;
        if (_submissionPolling)
        {
            return EnterPolled(fresh, 0, waiting ? EnterFlags.GETEVENTS : EnterFlags.NONE, null, 0);
        }

        return pending == 0 && !waiting ? 0 : Call(pending, 0, EnterFlags.GETEVENTS, null, 0);
    }

    /// <summary>
    /// Publishes what is prepared, then calls <c>io_uring_enter(2)</c> just as told, at the registered ring descriptor where there is one.
    /// For loops that decide by themselves; <see cref="Submit"/> and <see cref="SubmitAndWait"/> are the usual ways.
    /// </summary>
    /// <param name="toSubmit">Entries to take at most; <see cref="SubmissionsPending"/> for all.</param>
    /// <param name="minComplete">Completions to wait for with <see cref="EnterFlags.GETEVENTS"/>, those already in the queue included.</param>
    /// <param name="flags">Without <see cref="EnterFlags.EXT_ARG"/> and <see cref="EnterFlags.REGISTERED_RING"/>, which the ring adds where due.</param>
    /// <returns>As <see cref="Submit"/>; also <c>-EINTR</c> when a signal ended the wait.</returns>
    public int Enter(uint toSubmit, uint minComplete, EnterFlags flags)
    {
        Publish(out _);
        return Call(toSubmit, minComplete, flags, null, 0);
    }

    // Makes prepared entries visible to the kernel and counts them: here, so that what is counted is what went out, once.
    private uint Publish(out uint pending)
    {
        uint tail = _tail;
        uint fresh = tail - _published;
        if (fresh != 0)
        {
            long[] counts = _sqesByOpcode;
            for (uint i = _published; i != tail; i++)
            {
                counts[(int)_sqes[i & _sqMask].opcode & 63]++;
            }

            Sqes += fresh;
            _published = tail;
            // Release: the SQPOLL thread sees the entries before it sees the tail. Without that thread the call itself orders them.
            Volatile.Write(ref *_sqTail, tail);
        }
        pending = tail - Volatile.Read(ref *_sqHead);
        return fresh;
    }

    // With SQPOLL the kernel's thread takes the entries; a call is due only to wake it, or to wait.
    private int EnterPolled(uint fresh, uint minComplete, EnterFlags flags, void* arg, nuint argSize)
    {
        // The tail must be visible before the flag is read. Otherwise the thread may fall asleep between the two, unseen, with our entries in the queue.
        Interlocked.MemoryBarrier();
        if ((Volatile.Read(ref *_sqFlags) & IoUring.IORING_SQ_NEED_WAKEUP) != 0)
        {
            flags |= EnterFlags.SQ_WAKEUP;
        }

        if (flags == EnterFlags.NONE)
        {
            return (int)fresh;
        }

        int result = Call(fresh, minComplete, flags, arg, argSize);
        return result >= 0 || fresh == 0 ? result : (int)fresh;
    }

    private int Call(uint toSubmit, uint minComplete, EnterFlags flags, void* arg, nuint argSize)
    {
        if ((Volatile.Read(ref *_sqFlags) & IoUring.IORING_SQ_CQ_OVERFLOW) != 0)
        {
            Overflows++;
            flags |= EnterFlags.GETEVENTS;
        }
        Enters++;
        return IoUring.Enter(_enterFd, toSubmit, minComplete, flags | _enterFlags, arg, argSize);
    }
}
