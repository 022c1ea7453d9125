using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/stat.h&gt;</c>; see statx(2), whose structure is the same on every architecture.</summary>
internal static unsafe partial class Stat
{
    public const int AT_FDCWD = -100;
    public const uint STATX_TYPE = 1;
    public const ushort S_IFMT = 0xf000;
    public const ushort S_IFSOCK = 0xc000;

    /// <summary>struct statx: only what is asked for here has a name.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct statx_t
    {
        [FieldOffset(28)]
        public ushort stx_mode;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int dirfd, string pathname, int flags, uint mask, statx_t* statxbuf);
}
