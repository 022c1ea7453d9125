using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/stat.h&gt;</c>; see statx(2), whose structure is the same on every architecture.</summary>
internal static unsafe partial class Stat
{
    public const int AT_FDCWD = -100;
    public const int AT_EMPTY_PATH = 0x1000;
    public const uint STATX_TYPE = 1;
    public const uint STATX_INO = 0x100;
    public const ushort S_IFMT = 0xf000;
    public const ushort S_IFSOCK = 0xc000;

    /// <summary>struct statx: only what is asked for here has a name.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct statx_t
    {
        [FieldOffset(0)]
        public uint stx_mask;

        [FieldOffset(28)]
        public ushort stx_mode;

        [FieldOffset(32)]
        public ulong stx_ino;

        [FieldOffset(136)]
        public uint stx_dev_major;

        [FieldOffset(140)]
        public uint stx_dev_minor;

        [FieldOffset(152)]
        public uint stx_dio_mem_align;

        [FieldOffset(156)]
        public uint stx_dio_offset_align;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int dirfd, string pathname, int flags, uint mask, statx_t* statxbuf);

    [LibraryImport("libc")]
    public static partial int statx(int dirfd, byte* pathname, int flags, uint mask, statx_t* statxbuf);
}
