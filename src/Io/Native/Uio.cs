using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/uio.h&gt;</c>, named as in C. Each call returns -1 with errno set.</summary>
internal static unsafe partial class Uio
{
    /// <summary>Do not wait for data that is not there yet; see preadv2(2).</summary>
    public const int RWF_NOWAIT = 8;

    [LibraryImport("libc")]
    public static partial nint preadv2(int fd, Socket.iovec* iov, int iovcnt, long offset, int flags);
}
