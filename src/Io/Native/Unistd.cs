using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;unistd.h&gt;</c> and <c>&lt;fcntl.h&gt;</c>, named as in C. Each call returns -1 with errno set.</summary>
internal static unsafe partial class Unistd
{
    public const int O_RDONLY = 0;
    public const int O_RDWR = 2;
    public const int O_NONBLOCK = 0x800;
    public const int O_CLOEXEC = 0x80000;
    public const int O_ACCMODE = 3;
    public const int F_DUPFD_CLOEXEC = 1030;
    public const int F_GETFD = 1;
    public const int F_GETFL = 3;
    public const int F_SETFL = 4;
    public const int F_OFD_GETLK = 36;
    public const int F_OFD_SETLK = 37;
    public const short F_RDLCK = 0;
    public const short F_WRLCK = 1;
    public const short F_UNLCK = 2;
    public const int POSIX_FADV_WILLNEED = 3;
    public const int FALLOC_FL_KEEP_SIZE = 1;
    public const int FALLOC_FL_PUNCH_HOLE = 2;
    public const int FALLOC_FL_ZERO_RANGE = 0x10;

    /// <summary>struct flock of 64-bit machines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct flock_t
    {
        public short l_type;
        public short l_whence;
        public long l_start;
        public long l_len;
        public int l_pid;
    }

    [LibraryImport("libc")]
    public static partial int close(int fd);

    [LibraryImport("libc")]
    public static partial int dup3(int oldfd, int newfd, int flags);

    [LibraryImport("libc")]
    public static partial int pipe2(int* pipefd, int flags);

    [LibraryImport("libc")]
    public static partial nint read(int fd, void* buf, nuint count);

    [LibraryImport("libc")]
    public static partial nint write(int fd, void* buf, nuint count);

    [LibraryImport("libc")]
    public static partial nint pread(int fd, void* buf, nuint count, long offset);

    [LibraryImport("libc")]
    public static partial nint pwrite(int fd, void* buf, nuint count, long offset);

    [LibraryImport("libc")]
    public static partial int fsync(int fd);

    [LibraryImport("libc")]
    public static partial int fdatasync(int fd);

    /// <summary>Returns an error's number instead of -1.</summary>
    [LibraryImport("libc")]
    public static partial int posix_fadvise(int fd, long offset, long len, int advice);

    [LibraryImport("libc")]
    public static partial int fallocate(int fd, int mode, long offset, long len);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string pathname, int flags, uint mode);

    [LibraryImport("libc")]
    public static partial long lseek(int fd, long offset, int whence);

    // fcntl(2) is variadic in C; with an integer argument the register convention is the same on x86-64 and on arm64 Linux.
    [LibraryImport("libc")]
    public static partial int fcntl(int fd, int cmd, nint arg);

    [LibraryImport("libc")]
    public static partial int gettid();

    /// <summary>It neither waits nor calls back, so the runtime may stay where it is: what is measured is the system call.</summary>
    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int getppid();

    [LibraryImport("libc")]
    public static partial int unlink([MarshalAs(UnmanagedType.LPUTF8Str)] string pathname);
}
