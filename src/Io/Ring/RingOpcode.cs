namespace Harness.Io;

/// <summary>Operations of a ring, named as in <c>io_uring_enter(2)</c> without <c>IORING_OP_</c>; in brackets the first kernel that has each.</summary>
public enum RingOpcode : byte
{
    /// <summary>Does nothing but complete (5.1).</summary>
    NOP = 0,
    /// <summary><c>readv(2)</c> (5.1).</summary>
    READV = 1,
    /// <summary><c>writev(2)</c> (5.1).</summary>
    WRITEV = 2,
    /// <summary><c>fsync(2)</c> or <c>fdatasync(2)</c> (5.1).</summary>
    FSYNC = 3,
    /// <summary>Reads into a registered buffer (5.1).</summary>
    READ_FIXED = 4,
    /// <summary>Writes from a registered buffer (5.1).</summary>
    WRITE_FIXED = 5,
    /// <summary>Waits for readiness (5.1).</summary>
    POLL_ADD = 6,
    /// <summary>Removes or updates a poll (5.1).</summary>
    POLL_REMOVE = 7,
    /// <summary><c>sync_file_range(2)</c> (5.2).</summary>
    SYNC_FILE_RANGE = 8,
    /// <summary><c>sendmsg(2)</c> (5.3).</summary>
    SENDMSG = 9,
    /// <summary><c>recvmsg(2)</c> (5.3).</summary>
    RECVMSG = 10,
    /// <summary>Completes after a time (5.4).</summary>
    TIMEOUT = 11,
    /// <summary>Removes or updates a timeout (5.5).</summary>
    TIMEOUT_REMOVE = 12,
    /// <summary><c>accept4(2)</c> (5.5).</summary>
    ACCEPT = 13,
    /// <summary>Cancels other requests (5.5).</summary>
    ASYNC_CANCEL = 14,
    /// <summary>Limits the time of the entry it is linked to (5.5).</summary>
    LINK_TIMEOUT = 15,
    /// <summary><c>connect(2)</c> (5.5).</summary>
    CONNECT = 16,
    /// <summary><c>fallocate(2)</c> (5.6).</summary>
    FALLOCATE = 17,
    /// <summary><c>openat(2)</c> (5.6).</summary>
    OPENAT = 18,
    /// <summary><c>close(2)</c> (5.6).</summary>
    CLOSE = 19,
    /// <summary>Updates registered files (5.6).</summary>
    FILES_UPDATE = 20,
    /// <summary><c>statx(2)</c> (5.6).</summary>
    STATX = 21,
    /// <summary><c>pread(2)</c> (5.6).</summary>
    READ = 22,
    /// <summary><c>pwrite(2)</c> (5.6).</summary>
    WRITE = 23,
    /// <summary><c>posix_fadvise(2)</c> (5.6).</summary>
    FADVISE = 24,
    /// <summary><c>madvise(2)</c> (5.6).</summary>
    MADVISE = 25,
    /// <summary><c>send(2)</c> (5.6).</summary>
    SEND = 26,
    /// <summary><c>recv(2)</c> (5.6).</summary>
    RECV = 27,
    /// <summary><c>openat2(2)</c> (5.6).</summary>
    OPENAT2 = 28,
    /// <summary><c>epoll_ctl(2)</c> (5.6).</summary>
    EPOLL_CTL = 29,
    /// <summary><c>splice(2)</c> (5.7).</summary>
    SPLICE = 30,
    /// <summary>Provides buffers, the way before buffer rings (5.7).</summary>
    PROVIDE_BUFFERS = 31,
    /// <summary>Takes provided buffers back (5.7).</summary>
    REMOVE_BUFFERS = 32,
    /// <summary><c>tee(2)</c> (5.8).</summary>
    TEE = 33,
    /// <summary><c>shutdown(2)</c> (5.11).</summary>
    SHUTDOWN = 34,
    /// <summary><c>renameat2(2)</c> (5.11).</summary>
    RENAMEAT = 35,
    /// <summary><c>unlinkat(2)</c> (5.11).</summary>
    UNLINKAT = 36,
    /// <summary><c>mkdirat(2)</c> (5.15).</summary>
    MKDIRAT = 37,
    /// <summary><c>symlinkat(2)</c> (5.15).</summary>
    SYMLINKAT = 38,
    /// <summary><c>linkat(2)</c> (5.15).</summary>
    LINKAT = 39,
    /// <summary>Posts a completion to another ring (5.18).</summary>
    MSG_RING = 40,
    /// <summary><c>fsetxattr(2)</c> (5.19).</summary>
    FSETXATTR = 41,
    /// <summary><c>setxattr(2)</c> (5.19).</summary>
    SETXATTR = 42,
    /// <summary><c>fgetxattr(2)</c> (5.19).</summary>
    FGETXATTR = 43,
    /// <summary><c>getxattr(2)</c> (5.19).</summary>
    GETXATTR = 44,
    /// <summary><c>socket(2)</c> (5.19).</summary>
    SOCKET = 45,
    /// <summary>A driver's own command (5.19).</summary>
    URING_CMD = 46,
    /// <summary><c>send(2)</c> without a copy (6.0).</summary>
    SEND_ZC = 47,
    /// <summary><c>sendmsg(2)</c> without a copy (6.1).</summary>
    SENDMSG_ZC = 48,
    /// <summary>Reads again and again into provided buffers (6.7).</summary>
    READ_MULTISHOT = 49,
    /// <summary><c>waitid(2)</c> (6.7).</summary>
    WAITID = 50,
    /// <summary>Waits on a futex (6.7).</summary>
    FUTEX_WAIT = 51,
    /// <summary>Wakes a futex (6.7).</summary>
    FUTEX_WAKE = 52,
    /// <summary>Waits on several futexes (6.7).</summary>
    FUTEX_WAITV = 53,
    /// <summary>Makes an ordinary descriptor of a registered file (6.8).</summary>
    FIXED_FD_INSTALL = 54,
    /// <summary><c>ftruncate(2)</c> (6.9).</summary>
    FTRUNCATE = 55,
    /// <summary><c>bind(2)</c> (6.11).</summary>
    BIND = 56,
    /// <summary><c>listen(2)</c> (6.11).</summary>
    LISTEN = 57,
    /// <summary>Receives without a copy (6.15).</summary>
    RECV_ZC = 58,
    /// <summary><c>epoll_wait(2)</c> (6.15).</summary>
    EPOLL_WAIT = 59,
    /// <summary><c>readv(2)</c> into registered buffers (6.15).</summary>
    READV_FIXED = 60,
    /// <summary><c>writev(2)</c> from registered buffers (6.15).</summary>
    WRITEV_FIXED = 61,
    /// <summary><c>pipe2(2)</c> (6.16).</summary>
    PIPE = 62,
}
