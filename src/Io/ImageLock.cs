using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Keeps two processes from using the image of a disk in ways that do not go together: one that writes it wants to be alone, those that only read it share it.
/// They are the locks that QEMU and its tools keep (block/file-posix.c), so these are kept out too, and keep us out: read locks of open file descriptions
/// (F_OFD_SETLK, fcntl(2)) on single bytes, one for each thing that is done and one for each that nobody else may do. They are advisory, and end with the
/// process.
/// </summary>
/// <remarks>
/// Of this process everybody shares one set of locks for each file: two partitions of one image are two openings of it. Any thread; a few system calls.
/// </remarks>
public sealed unsafe class ImageLock : IDisposable
{
    // RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE; what is added is the number of a permission, BLK_PERM_*.
    private const int Does = 100;
    private const int Forbids = 200;
    private const int ConsistentRead = 0;
    private const int Write = 1;
    private const int Resize = 3;

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<(uint Major, uint Minor, ulong Number), ImageLock> s_held = [];

    private readonly (uint Major, uint Minor, ulong Number) _file;
    private readonly int _fd;
    private int _users;
    private bool _writes;

    private ImageLock((uint Major, uint Minor, ulong Number) file, int fd)
    {
        _file = file;
        _fd = fd;
    }

    private enum Outcome
    {
        Taken,
        Refused,
        Unsupported,
    }

    /// <summary>Takes the locks, or counts in one more user of those that this process has.</summary>
    /// <param name="fd">The open image; it may be closed before the locks are given back.</param>
    /// <param name="writes">It will be written.</param>
    /// <param name="taken">To be disposed of; null where nothing was locked, since the file system knows no such locks.</param>
    /// <returns>False where another process uses the image in a way that does not go together with this.</returns>
    public static bool TryTake(int fd, bool writes, out ImageLock? taken)
    {
        taken = null;
        if (!SameFile.TryGet(fd, out var file))
        {
            return true;
        }

        lock (s_lock)
        {
            bool isNew = !s_held.TryGetValue(file, out ImageLock? held);
            held ??= new ImageLock(file, Unistd.fcntl(fd, Unistd.F_DUPFD_CLOEXEC, 0));
            Outcome outcome = held.Ask(writes);
            if (outcome == Outcome.Taken)
            {
                held._users++;
                s_held[file] = held;
                taken = held;
            }
            else if (isNew)
            {
                held.Close();
            }

            return outcome != Outcome.Refused;
        }
    }

    /// <summary>Counts a user out; after the last the locks are gone.</summary>
    public void Dispose()
    {
        lock (s_lock)
        {
            if (--_users == 0)
            {
                s_held.Remove(_file);
                Close();
            }
        }
    }

    private Outcome Ask(bool writes)
    {
        if (_users > 0 && (_writes || !writes))
        {
            return Outcome.Taken;
        }

        // First said, then looked, as QEMU does: of two that come at once neither may miss the other.
        int[] own = writes
            ? [Does + ConsistentRead, Does + Write, Forbids + Write, Forbids + Resize]
            : [Does + ConsistentRead, Forbids + Write, Forbids + Resize];
        int[] others = writes
            ? [Forbids + ConsistentRead, Forbids + Write, Does + Write, Does + Resize]
            : [Forbids + ConsistentRead, Does + Write, Does + Resize];
        foreach (int place in own)
        {
            if (Set(place, Unistd.F_RDLCK) is var said and not Outcome.Taken)
            {
                return said;
            }
        }

        if (Array.Exists(others, IsTaken))
        {
            if (writes)
            {
                Set(Does + Write, Unistd.F_UNLCK);
            }

            return Outcome.Refused;
        }

        _writes |= writes;
        return Outcome.Taken;
    }

    private Outcome Set(int place, short type)
    {
        var area = new Unistd.flock_t { l_type = type, l_start = place, l_len = 1 };
        return Unistd.fcntl(_fd, Unistd.F_OFD_SETLK, (nint)(&area)) == 0 ? Outcome.Taken
            : Marshal.GetLastSystemError() is Errno.EAGAIN or Errno.EACCES ? Outcome.Refused
            : Outcome.Unsupported;
    }

    /// <summary>True where another process has locked this byte; what this one has itself does not count.</summary>
    private bool IsTaken(int place)
    {
        var area = new Unistd.flock_t { l_type = Unistd.F_WRLCK, l_start = place, l_len = 1 };
        return Unistd.fcntl(_fd, Unistd.F_OFD_GETLK, (nint)(&area)) == 0 && area.l_type != Unistd.F_UNLCK;
    }

    private void Close()
    {
        if (_fd >= 0)
        {
            Unistd.close(_fd);
        }
    }
}
