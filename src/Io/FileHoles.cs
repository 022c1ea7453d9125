using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Where a file has holes, by lseek(2) with SEEK_HOLE and SEEK_DATA. Any thread; the descriptor's own position is moved, so nobody may use that.
/// </summary>
public static class FileHoles
{
    private const int SEEK_DATA = 3;
    private const int SEEK_HOLE = 4;

    /// <summary>How many bytes from <paramref name="offset"/> on are all of a hole or all not.</summary>
    /// <param name="fd">A regular file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes to look at, 1 or more; the file ends no sooner.</param>
    /// <param name="isHole">True where the bytes take no space and read as zeroes; false also where the file system cannot say.</param>
    /// <returns>1 to <paramref name="length"/>.</returns>
    public static ulong RunAt(int fd, ulong offset, ulong length, out bool isHole)
    {
        long data = Unistd.lseek(fd, (long)offset, SEEK_DATA);
        if (data < 0)
        {
            // ENXIO: no data from here to the end. Any other error: the file system does not know, and data is never wrong.
            isHole = System.Runtime.InteropServices.Marshal.GetLastSystemError() == Errno.ENXIO;
            return length;
        }

        isHole = (ulong)data > offset;
        if (isHole)
        {
            return Math.Min(length, (ulong)data - offset);
        }

        long hole = Unistd.lseek(fd, (long)offset, SEEK_HOLE);
        return hole > (long)offset ? Math.Min(length, (ulong)hole - offset) : length;
    }
}
