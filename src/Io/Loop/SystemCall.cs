namespace Harness.Io;

/// <summary>
/// The system calls that a loop's thread makes through this library, by the names that strace(1) and perf(1) print on x86-64: recv(2) is <c>recvfrom</c>,
/// poll(2) is <c>ppoll</c>. What the runtime does on the same thread (futex, mmap) is not among them.
/// </summary>
public enum SystemCall
{
    /// <summary>accept4(2): takes a connection.</summary>
    accept4,

    /// <summary>clock_nanosleep(2): lets time pass so that messages gather.</summary>
    clock_nanosleep,

    /// <summary>close(2).</summary>
    close,

    /// <summary>connect(2).</summary>
    connect,

    /// <summary>epoll_ctl(2): adds, changes or removes a registration.</summary>
    epoll_ctl,

    /// <summary>epoll_pwait2(2): waits with a limit in nanoseconds.</summary>
    epoll_pwait2,

    /// <summary>epoll_wait(2): waits without limit, or looks without waiting.</summary>
    epoll_wait,

    /// <summary>fcntl(2): switches O_NONBLOCK.</summary>
    fcntl,

    /// <summary>fdatasync(2) of a file that lies in memory; of others it is a worker thread's, or the ring's.</summary>
    fdatasync,

    /// <summary>getsockopt(2): how a connect ended.</summary>
    getsockopt,

    /// <summary>io_uring_enter(2): hands over entries, waits, or brings in completions.</summary>
    io_uring_enter,

    /// <summary>ppoll(2): waits, or looks without waiting.</summary>
    ppoll,

    /// <summary>pread(2) of a file that lies in memory.</summary>
    pread64,

    /// <summary>preadv2(2) with RWF_NOWAIT: a read of what the page cache has of a file.</summary>
    preadv2,

    /// <summary>pwrite(2) to a file that lies in memory.</summary>
    pwrite64,

    /// <summary>read(2) of the eventfd that another thread set to wake the loop.</summary>
    read,

    /// <summary>recv(2), which the C library makes as recvfrom(2).</summary>
    recvfrom,

    /// <summary>sendmsg(2).</summary>
    sendmsg,

    /// <summary>shutdown(2), before a close.</summary>
    shutdown,
}
