using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/eventfd.h&gt;</c>; see eventfd(2).</summary>
internal static partial class EventFd
{
    public const int EFD_CLOEXEC = 0x80000;
    public const int EFD_NONBLOCK = 0x800;

    [LibraryImport("libc")]
    public static partial int eventfd(uint initval, int flags);
}
