using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Which file a descriptor's number stood for, to be asked later whether it still does. With a kept duplicate the kernel compares the open files themselves,
/// see kcmp(2); but the duplicate keeps the file open. Without one the device, the inode and the access mode are compared.
/// </summary>
/// <remarks>
/// What a comparison without a duplicate cannot tell apart: the same file or socket path opened again, and a descriptor of the same file that got the number.
/// Files without an inode of their own (eventfd, timerfd, signalfd, epoll: they all share one) need a duplicate.
/// </remarks>
internal sealed unsafe class FileIdentity : IDisposable
{
    // Looked up once: the inode that all files without one share.
    private static readonly Inode Shared = SharedInode();

    private readonly Inode _inode;
    private int _duplicate = -1;

    private FileIdentity(Inode inode)
    {
        _inode = inode;
    }

    /// <summary>Remembers the file of a descriptor; null where it cannot be told from others without keeping it open, and that is not wanted.</summary>
    /// <param name="fd">An open descriptor.</param>
    /// <param name="close">What the backend does with its file: where it is held open anyway, a duplicate costs nothing more.</param>
    /// <exception cref="IoException">kcmp(2) is refused.</exception>
    public static FileIdentity? Of(int fd, ForeignClose close)
    {
        var identity = new FileIdentity(InodeOf(fd));
        bool hasNoInode = identity._inode == Shared;
        if (hasNoInode && close == ForeignClose.Forgotten)
        {
            // A duplicate would keep the kernel's list from forgetting the file.
            return null;
        }

        if (hasNoInode || close == ForeignClose.HeldOpen)
        {
            identity.Keep(fd);
        }

        return identity;
    }

    /// <summary>True where the number still stands for the file. Two system calls, or one.</summary>
    public bool Is(int fd) => _duplicate >= 0 ? Compare.SameFile(_duplicate, fd) == 1 : InodeOf(fd) == _inode;

    public void Dispose()
    {
        if (_duplicate >= 0)
        {
            Unistd.close(_duplicate);
            _duplicate = -1;
        }
    }

    private static Inode InodeOf(int fd)
    {
        Stat.statx_t stat;
        byte empty = 0;
        return Stat.statx(fd, &empty, Stat.AT_EMPTY_PATH, Stat.STATX_TYPE | Stat.STATX_INO, &stat) < 0
            ? default
            : new Inode(stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino, Unistd.fcntl(fd, Unistd.F_GETFL, 0) & Unistd.O_ACCMODE);
    }

    private static Inode SharedInode()
    {
        using var one = new WakeEvent();
        return InodeOf(one.Fd);
    }

    private void Keep(int fd)
    {
        _duplicate = Unistd.fcntl(fd, Unistd.F_DUPFD_CLOEXEC, 0);
        int same = Compare.SameFile(_duplicate, fd);
        if (same < 0)
        {
            Dispose();
            throw new IoException("a checked loop compares files with kcmp(2), which is refused here", -same);
        }
    }

    private readonly record struct Inode(uint Major, uint Minor, ulong Number, int Access);
}
