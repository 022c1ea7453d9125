using Harness.Io.Native;

namespace Harness.Io;

// Entries for sockets.
public sealed unsafe partial class Ring
{
    /// <summary>Prepares <c>accept4(2)</c> (5.5); the result is the new descriptor.</summary>
    /// <param name="fd">The listening socket.</param>
    /// <param name="acceptFlags"><c>SOCK_NONBLOCK</c>, <c>SOCK_CLOEXEC</c>.</param>
    /// <param name="multishot">Goes on accepting, even after <c>close(2)</c> of <paramref name="fd"/>, until cancelled (5.19).</param>
    /// <param name="userData">Comes back in each completion.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareAccept(int fd, int acceptFlags, bool multishot, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.ACCEPT, fd, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->ioprio = multishot ? IoUring.IORING_ACCEPT_MULTISHOT : (ushort)0;
        sqe->rw_flags = (uint)acceptFlags;
        return true;
    }

    /// <summary>Prepares <c>connect(2)</c> (5.5).</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="address">Address of a <c>sockaddr</c> in native memory, valid until submitted.</param>
    /// <param name="addressLength">Its bytes.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareConnect(int fd, nint address, uint addressLength, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.CONNECT, fd, address, 0, addressLength, userData, flags) != null;

    /// <summary>Prepares <c>recv(2)</c> (5.6).</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="buffer">Address of native memory, valid until the completion.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="messageFlags"><c>MSG_WAITALL</c> and others.</param>
    /// <param name="userData">Comes back with the bytes received; 0 is the end of the stream.</param>
    /// <param name="flags">Entry flags.</param>
    /// <param name="pollFirst">Waits for readiness before the first try: cheaper where the socket is likely to be empty, and right in any case
    /// (5.19, see <see cref="KnowsPollFirst"/>; older kernels answer <c>-EINVAL</c>).</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReceive(int fd, nint buffer, uint length, int messageFlags, ulong userData, SqeFlags flags = SqeFlags.NONE, bool pollFirst = false)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.RECV, fd, buffer, length, 0, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->ioprio = pollFirst ? IoUring.IORING_RECVSEND_POLL_FIRST : (ushort)0;
        sqe->rw_flags = (uint)messageFlags;
        return true;
    }

    /// <summary>
    /// True where a receive may wait for readiness first: judged by <see cref="SetupFlags.SINGLE_ISSUER"/>, which came one release later (6.0).
    /// </summary>
    public bool KnowsPollFirst => (Flags & SetupFlags.SINGLE_ISSUER) != 0;

    /// <summary>
    /// Prepares a receive that goes on, each time into a buffer that the kernel takes from a <see cref="BufferRing"/> (6.0). <c>-ENOBUFS</c> ends it: recycle
    /// and arm again.
    /// </summary>
    /// <param name="fd">The socket.</param>
    /// <param name="groupId">The buffers' group.</param>
    /// <param name="userData">Comes back in each completion.</param>
    /// <param name="flags">Entry flags beside <see cref="SqeFlags.BUFFER_SELECT"/>.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReceiveMultishot(int fd, ushort groupId, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.RECV, fd, userData, flags | SqeFlags.BUFFER_SELECT);
        if (sqe == null)
        {
            return false;
        }

        sqe->ioprio = IoUring.IORING_RECV_MULTISHOT;
        sqe->buf_group = groupId;
        return true;
    }

    /// <summary>Prepares one receive into a buffer that the kernel takes from a group when data arrives (5.7; buffer rings 5.19).</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="groupId">The buffers' group.</param>
    /// <param name="length">Bytes at most; 0 means the whole buffer.</param>
    /// <param name="userData">Comes back with the bytes received.</param>
    /// <param name="flags">Entry flags beside <see cref="SqeFlags.BUFFER_SELECT"/>.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReceiveSelect(int fd, ushort groupId, uint length, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.RECV, fd, userData, flags | SqeFlags.BUFFER_SELECT);
        if (sqe == null)
        {
            return false;
        }

        sqe->len = length;
        sqe->buf_group = groupId;
        return true;
    }

    /// <summary>Prepares <c>send(2)</c> (5.6). One send in flight per stream: two interleave.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="buffer">Address of native memory, valid until the completion.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="messageFlags"><c>MSG_NOSIGNAL</c>, <c>MSG_WAITALL</c> and others.</param>
    /// <param name="userData">Comes back with the bytes sent.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareSend(int fd, nint buffer, uint length, int messageFlags, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        WithMessageFlags(Entry(RingOpcode.SEND, fd, buffer, length, 0, userData, flags), messageFlags);

    /// <summary>
    /// Prepares a send that leaves the data where it lies (6.2). It completes twice: with the bytes sent and <see cref="Cqe.HasMore"/>, then, once the memory
    /// may be used again, with a notification (<see cref="Cqe.IsNotification"/>) whose result has <see cref="ZeroCopyCopied"/> where the kernel has copied
    /// all the same. A Unix socket answers -EOPNOTSUPP.
    /// </summary>
    /// <param name="fd">The socket.</param>
    /// <param name="buffer">Address of native memory, valid until the notification.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="messageFlags"><c>MSG_NOSIGNAL</c> and others.</param>
    /// <param name="userData">Comes back in both completions.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareSendZeroCopy(int fd, nint buffer, uint length, int messageFlags, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.SEND_ZC, fd, buffer, length, 0, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->ioprio = IoUring.IORING_SEND_ZC_REPORT_USAGE;
        sqe->rw_flags = (uint)messageFlags;
        return true;
    }

    /// <summary>In the result of a zero-copy send's notification: the kernel has copied the data all the same.</summary>
    public const int ZeroCopyCopied = unchecked((int)IoUring.IORING_NOTIF_USAGE_ZC_COPIED);

    /// <summary>Prepares <c>sendmsg(2)</c> (5.3). One send in flight per stream.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="message">Address of a <c>msghdr</c>; it and its <c>iovec</c>s must be valid until submitted, the data until the completion.</param>
    /// <param name="messageFlags"><c>MSG_NOSIGNAL</c>, <c>MSG_WAITALL</c> and others.</param>
    /// <param name="userData">Comes back with the bytes sent.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareSendMessage(int fd, nint message, int messageFlags, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        WithMessageFlags(Entry(RingOpcode.SENDMSG, fd, message, 1, 0, userData, flags), messageFlags);

    /// <summary>Prepares <c>recvmsg(2)</c> (5.3).</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="message">Address of a <c>msghdr</c>, valid with all it points to until the completion.</param>
    /// <param name="messageFlags"><c>MSG_WAITALL</c> and others.</param>
    /// <param name="userData">Comes back with the bytes received.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReceiveMessage(int fd, nint message, int messageFlags, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        WithMessageFlags(Entry(RingOpcode.RECVMSG, fd, message, 1, 0, userData, flags), messageFlags);

    /// <summary>Prepares <c>shutdown(2)</c> (5.11).</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="how"><c>SHUT_RD</c> 0, <c>SHUT_WR</c> 1, <c>SHUT_RDWR</c> 2.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareShutdown(int fd, int how, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.SHUTDOWN, fd, 0, (uint)how, 0, userData, flags) != null;

    private static bool WithMessageFlags(io_uring_sqe* sqe, int messageFlags)
    {
        if (sqe == null)
        {
            return false;
        }

        sqe->rw_flags = (uint)messageFlags;
        return true;
    }
}
