using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/epoll.h&gt;</c>, named as in C; see epoll(7).</summary>
internal static unsafe partial class Epoll
{
    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;
    public const uint EPOLLIN = 0x1;
    public const uint EPOLLOUT = 0x4;
    public const uint EPOLLERR = 0x8;
    public const uint EPOLLHUP = 0x10;
    public const uint EPOLLRDHUP = 0x2000;
    public const uint EPOLLET = 1u << 31;

    /// <summary>struct epoll_event: packed to 12 bytes on x86-64 only, natural layout elsewhere, as the C header has it.</summary>
    public readonly struct Layout
    {
        public static readonly int Size = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
        public static readonly int DataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    }

    [LibraryImport("libc")]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc")]
    public static partial int epoll_ctl(int epfd, int op, int fd, void* @event);

    [LibraryImport("libc")]
    public static partial int epoll_wait(int epfd, void* events, int maxevents, int timeout);

    // Linux 5.11: the timeout is a timespec, so that a timer is not rounded up to a millisecond.
    [LibraryImport("libc")]
    public static partial int epoll_pwait2(int epfd, void* events, int maxevents, Poll.timespec* timeout, void* sigmask);
}
