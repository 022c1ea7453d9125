using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/signalfd.h&gt;</c>, named as in C; see signalfd(2).</summary>
internal static unsafe partial class SignalFds
{
    public const int SFD_CLOEXEC = 0x80000;
    public const int SFD_NONBLOCK = 0x800;

    // The C library's wrapper, whose signal set is 128 bytes of which the kernel takes the first 8.
    [LibraryImport("libc", EntryPoint = "signalfd")]
    private static partial int signalfd_libc(int fd, void* mask, int flags);

    /// <summary>signalfd(2) with the first 64 signals as one word, bit 0 being signal 1.</summary>
    public static int signalfd(int fd, ulong* mask, int flags)
    {
        ulong* set = stackalloc ulong[16];
        new Span<ulong>(set, 16).Clear();
        set[0] = *mask;
        return signalfd_libc(fd, set, flags);
    }
}
