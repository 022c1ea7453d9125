using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

// Entries that steer the ring itself: readiness, time, cancellation. Each Prepare fills one entry and returns false when the queue is full: submit, then again.
public sealed unsafe partial class Ring
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private io_uring_sqe* Entry(RingOpcode opcode, int fd, ulong userData, SqeFlags flags)
    {
        io_uring_sqe* sqe = TryGetSqe();
        if (sqe != null)
        {
            sqe->opcode = opcode;
            sqe->flags = flags;
            sqe->fd = fd;
            sqe->user_data = userData;
        }
        return sqe;
    }

    // An entry with a buffer, a length and an offset: the common case.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private io_uring_sqe* Entry(RingOpcode opcode, int fd, nint address, uint length, ulong offset, ulong userData, SqeFlags flags)
    {
        io_uring_sqe* sqe = Entry(opcode, fd, userData, flags);
        if (sqe != null)
        {
            sqe->addr = (ulong)address;
            sqe->len = length;
            sqe->off = offset;
        }
        return sqe;
    }

    /// <summary>Prepares an operation that does nothing but complete with 0 (5.1).</summary>
    /// <param name="userData">Comes back in the completion. The 2³² highest values are reserved.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareNop(ulong userData, SqeFlags flags = SqeFlags.NONE) => Entry(RingOpcode.NOP, -1, userData, flags) != null;

    /// <summary>Prepares a wait for readiness (5.1); the result is the mask that is ready.</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="mask">Events of <c>poll(2)</c> and <c>epoll_ctl(2)</c>.</param>
    /// <param name="multishot">Stays armed (5.13). Edge-triggered: it fires when armed and at each wake-up, not again after a partial read.</param>
    /// <param name="userData">Comes back in each completion.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PreparePollAdd(int fd, uint mask, bool multishot, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.POLL_ADD, fd, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->len = multishot ? IoUring.IORING_POLL_ADD_MULTI : 0;
        sqe->rw_flags = mask;
        return true;
    }

    /// <summary>
    /// Prepares a change of a pending poll's events (5.13). It polls anew, so a multishot poll that is still ready fires again: level-triggered in one entry.
    /// </summary>
    /// <param name="target">User data of the poll.</param>
    /// <param name="mask">Its new events.</param>
    /// <param name="multishot">It stays armed.</param>
    /// <param name="userData">Of this request: 0, or <c>-ENOENT</c> when there is no such poll, <c>-EALREADY</c> when it is about to complete.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PreparePollUpdate(ulong target, uint mask, bool multishot, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.POLL_REMOVE, -1, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->addr = target;
        sqe->len = IoUring.IORING_POLL_UPDATE_EVENTS | (multishot ? IoUring.IORING_POLL_ADD_MULTI : 0);
        sqe->rw_flags = mask;
        return true;
    }

    /// <summary>Prepares the removal of a pending poll (5.1), which then completes with <c>-ECANCELED</c>.</summary>
    /// <param name="target">User data of the poll.</param>
    /// <param name="userData">Of this request: 0, or <c>-ENOENT</c>, <c>-EALREADY</c> as in <see cref="PreparePollUpdate"/>.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PreparePollRemove(ulong target, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.POLL_REMOVE, -1, (nint)target, 0, 0, userData, flags) != null;

    /// <summary>Prepares a timeout on the monotonic clock (5.4). It completes with <c>-ETIME</c>, which wakes any waiting call.</summary>
    /// <param name="timeoutNs">Nanoseconds from submission, 0 or more.</param>
    /// <param name="userData">Comes back in the completion.</param>
    /// <param name="flags">Entry flags.</param>
    /// <param name="completions">Completes with 0 once so many other completions were posted; 0 means time alone.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareTimeout(long timeoutNs, ulong userData, SqeFlags flags = SqeFlags.NONE, uint completions = 0) =>
        PrepareTimed(RingOpcode.TIMEOUT, timeoutNs, completions, userData, flags);

    /// <summary>Prepares a time limit for the entry prepared just before, which must carry <see cref="SqeFlags.IO_LINK"/> (5.5).</summary>
    /// <param name="timeoutNs">Nanoseconds from submission, 0 or more.</param>
    /// <param name="userData">Of the limit: <c>-ETIME</c> when it struck, and the limited request then reports <c>-ECANCELED</c>; <c>-ECANCELED</c> when the
    /// request was in time.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareLinkTimeout(long timeoutNs, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        PrepareTimed(RingOpcode.LINK_TIMEOUT, timeoutNs, 0, userData, flags);

    /// <summary>Prepares the removal of a pending timeout (5.5), which then completes with <c>-ECANCELED</c>.</summary>
    /// <param name="target">User data of the timeout.</param>
    /// <param name="userData">Of this request: 0, or <c>-ENOENT</c> when there is no such timeout.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareTimeoutRemove(ulong target, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.TIMEOUT_REMOVE, -1, (nint)target, 0, 0, userData, flags) != null;

    /// <summary>
    /// Prepares the cancellation of one request (5.5). Its completion comes first; that of the request, <c>-ECANCELED</c> or its own result, follows or came
    /// before.
    /// </summary>
    /// <param name="target">User data of the request.</param>
    /// <param name="userData">Of this request: 0, <c>-ENOENT</c> when nothing matched, <c>-EALREADY</c> when it is past stopping and will complete by
    /// itself.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareCancel(ulong target, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.ASYNC_CANCEL, -1, (nint)target, 0, 0, userData, flags) != null;

    /// <summary>Prepares the cancellation of requests on a descriptor (5.19). Before <c>close(2)</c>: afterwards it answers <c>-EBADF</c>.</summary>
    /// <param name="fd">The descriptor, or with <paramref name="fixedFile"/> the index of a registered file.</param>
    /// <param name="all">All of them, not only the first found.</param>
    /// <param name="userData">Of this request. With <paramref name="all"/> the result is their number, and it is posted before their own completions.</param>
    /// <param name="fixedFile"><paramref name="fd"/> is an index.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareCancelFd(int fd, bool all, ulong userData, bool fixedFile = false, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.ASYNC_CANCEL, fd, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->rw_flags = IoUring.IORING_ASYNC_CANCEL_FD | (all ? IoUring.IORING_ASYNC_CANCEL_ALL : 0) | (fixedFile ? IoUring.IORING_ASYNC_CANCEL_FD_FIXED : 0);
        return true;
    }

    /// <summary>Prepares the cancellation of everything pending in the ring (5.19).</summary>
    /// <param name="userData">Of this request: the number of requests found.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareCancelAny(ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.ASYNC_CANCEL, -1, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->rw_flags = IoUring.IORING_ASYNC_CANCEL_ANY | IoUring.IORING_ASYNC_CANCEL_ALL;
        return true;
    }

    /// <summary>Prepares a completion in another ring (5.18): a wake-up across threads.</summary>
    /// <param name="ringFd">Descriptor of the other ring.</param>
    /// <param name="targetUserData">User data of the completion there.</param>
    /// <param name="targetResult">Result of the completion there.</param>
    /// <param name="userData">Of this request: 0, or <c>-EBADFD</c> when that ring is not enabled, <c>-EOVERFLOW</c> when its queue is full.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareMessage(int ringFd, ulong targetUserData, int targetResult, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.MSG_RING, ringFd, (nint)IoUring.IORING_MSG_DATA, (uint)targetResult, targetUserData, userData, flags) != null;

    /// <summary>Prepares <c>epoll_ctl(2)</c> (5.6).</summary>
    /// <param name="epollFd">The epoll descriptor.</param>
    /// <param name="operation"><c>EPOLL_CTL_ADD</c> 1, <c>EPOLL_CTL_DEL</c> 2, <c>EPOLL_CTL_MOD</c> 3.</param>
    /// <param name="fd">The descriptor to watch. A removal must be submitted before it is closed, or it may hit the next file of that number.</param>
    /// <param name="event">Address of an <c>epoll_event</c>, valid until submitted; 0 for a removal.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareEpollControl(int epollFd, int operation, int fd, nint @event, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.EPOLL_CTL, epollFd, @event, (uint)operation, (ulong)fd, userData, flags) != null;

    /// <summary>Prepares one <c>epoll_wait(2)</c> (6.15), for code that closes descriptors by itself.</summary>
    /// <param name="epollFd">The epoll descriptor.</param>
    /// <param name="events">Address of room for <c>epoll_event</c> structures, until the completion.</param>
    /// <param name="maxEvents">So many of them, 1 or more.</param>
    /// <param name="userData">Comes back with the number of events.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareEpollWait(int epollFd, nint events, uint maxEvents, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.EPOLL_WAIT, epollFd, events, maxEvents, 0, userData, flags) != null;

    // The slot's own timespec outlives the submission, which is all the kernel asks for.
    private bool PrepareTimed(RingOpcode opcode, long timeoutNs, uint completions, ulong userData, SqeFlags flags)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(timeoutNs);
        io_uring_sqe* sqe = Entry(opcode, -1, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        __kernel_timespec* timespec = _timespecs + (sqe - _sqes);
        *timespec = __kernel_timespec.FromNanoseconds(timeoutNs);
        sqe->addr = (ulong)timespec;
        sqe->len = 1;
        sqe->off = completions;
        return true;
    }
}
