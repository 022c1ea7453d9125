using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Whether two open files are one, by device and inode: a hard or symbolic link does not hide that.</summary>
public static unsafe class SameFile
{
    /// <summary>True where both descriptors stand for the same file. False also where one cannot be asked. Any thread; two system calls.</summary>
    public static bool Are(int first, int second) => TryGet(first, out var one) && TryGet(second, out var other) && one == other;

    /// <summary>The device and inode of an open file. False where they cannot be asked for.</summary>
    internal static bool TryGet(int fd, out (uint Major, uint Minor, ulong Number) inode)
    {
        Stat.statx_t stat;
        byte empty = 0;
        bool known = Stat.statx(fd, &empty, Stat.AT_EMPTY_PATH, Stat.STATX_INO, &stat) == 0;
        inode = known ? (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino) : default;
        return known;
    }
}
