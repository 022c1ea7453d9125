using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Regular files that are read and written past the page cache (O_DIRECT, open(2)). Set-up work: any thread may call it.</summary>
public static unsafe class DirectFiles
{
    /// <summary>What is taken where the kernel or the file system does not say what it asks for: a page, which every one takes.</summary>
    public const uint UsualAlignment = 4096;

    private const uint STATX_DIOALIGN = 0x2000;

    // It is one of the few flags whose number differs between architectures.
    private static readonly int O_DIRECT = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;

    /// <summary>Turns O_DIRECT on for an open file.</summary>
    /// <exception cref="IoException">The file system has no such thing.</exception>
    public static void TurnOn(int fd)
    {
        if (Unistd.fcntl(fd, Unistd.F_SETFL, Unistd.fcntl(fd, Unistd.F_GETFL, 0) | O_DIRECT) < 0)
        {
            throw new IoException("the file system does not know O_DIRECT", Marshal.GetLastSystemError());
        }
    }

    /// <summary>
    /// Bytes of which every offset, length and address has to be a multiple, a power of two: what statx(2) says since Linux 6.1 (STATX_DIOALIGN), or
    /// <see cref="UsualAlignment"/>.
    /// </summary>
    public static uint AlignmentOf(int fd)
    {
        Stat.statx_t status;
        byte empty = 0;
        bool told = Stat.statx(fd, &empty, Stat.AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 && (status.stx_mask & STATX_DIOALIGN) != 0;
        uint most = told ? Math.Max(status.stx_dio_mem_align, status.stx_dio_offset_align) : 0;
        return most == 0 ? UsualAlignment : most;
    }
}
