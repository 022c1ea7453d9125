using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/statfs.h&gt;</c> and the magic numbers of <c>&lt;linux/magic.h&gt;</c>, named as in C.</summary>
internal static unsafe partial class StatFs
{
    public const long TMPFS_MAGIC = 0x01021994;
    public const long RAMFS_MAGIC = 0x858458f6;

    /// <summary>struct statfs of 64-bit machines: only what is asked for here has a name.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct statfs_t
    {
        [FieldOffset(0)]
        public long f_type;
    }

    [LibraryImport("libc")]
    public static partial int fstatfs(int fd, statfs_t* buf);
}
