using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;poll.h&gt;</c>, named as in C; see poll(2).</summary>
internal static unsafe partial class Poll
{
    public const short POLLIN = 0x1;
    public const short POLLOUT = 0x4;
    public const short POLLERR = 0x8;
    public const short POLLHUP = 0x10;
    public const short POLLNVAL = 0x20;
    public const short POLLRDHUP = 0x2000;

    [StructLayout(LayoutKind.Sequential)]
    public struct pollfd
    {
        public int fd;
        public short events;
        public short revents;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct timespec
    {
        public long tv_sec;
        public long tv_nsec;

        /// <summary>A time span in nanoseconds, split as timespec(3) wants it.</summary>
        public static timespec FromNs(long ns) => new() { tv_sec = ns / 1_000_000_000, tv_nsec = ns % 1_000_000_000 };
    }

    // ppoll rather than poll: its timeout is in nanoseconds, so a timer is not rounded up to a millisecond.
    [LibraryImport("libc")]
    public static partial int ppoll(pollfd* fds, ulong nfds, timespec* tmo_p, void* sigmask);
}
