using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary>Memory mappings: <c>mmap(2)</c>, <c>munmap(2)</c>, <c>mprotect(2)</c>, <c>madvise(2)</c>, from <c>&lt;sys/mman.h&gt;</c>.</summary>
internal static unsafe partial class Mman
{
    public const int PROT_NONE = 0;
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int PROT_EXEC = 4;

    public const int MAP_SHARED = 0x01;
    public const int MAP_PRIVATE = 0x02;
    public const int MAP_ANONYMOUS = 0x20;
    public const int MAP_NORESERVE = 0x4000;
    public const int MAP_POPULATE = 0x8000;

    public const int MADV_DONTNEED = 4;
    public const int MADV_DONTFORK = 10;
    public const int MADV_HUGEPAGE = 14;

    /// <summary>What <see cref="mmap"/> returns on failure; the reason is then in <see cref="Marshal.GetLastSystemError"/>.</summary>
    public static readonly nint MAP_FAILED = -1;

    /// <summary>Maps <paramref name="length"/> bytes; returns <see cref="MAP_FAILED"/> with errno set on failure. <c>mmap(2)</c>.</summary>
    [LibraryImport("libc", EntryPoint = "mmap")]
    public static partial nint mmap(nint addr, nuint length, int prot, int flags, int fd, long offset);

    /// <summary>Removes a mapping; 0, or -1 with errno set. <c>munmap(2)</c>.</summary>
    [LibraryImport("libc", EntryPoint = "munmap")]
    public static partial int munmap(nint addr, nuint length);

    /// <summary>Sets what may be done with a range; 0, or -1 with errno set. <c>mprotect(2)</c>.</summary>
    [LibraryImport("libc", EntryPoint = "mprotect")]
    public static partial int mprotect(nint addr, nuint length, int prot);

    /// <summary>Advises the kernel about the use of a range; 0, or -1 with errno set. <c>madvise(2)</c>.</summary>
    [LibraryImport("libc", EntryPoint = "madvise")]
    public static partial int madvise(nint addr, nuint length, int advice);

    /// <summary>
    /// Zeroed, private, page-aligned memory of <paramref name="length"/> bytes that the kernel commits on first touch; release it with <see cref="munmap"/>.
    /// </summary>
    /// <exception cref="OutOfMemoryException">The kernel refused the mapping.</exception>
    public static nint MapAnonymous(nuint length)
    {
        nint address = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (address == MAP_FAILED)
        {
            int errno = Marshal.GetLastSystemError();
            throw new OutOfMemoryException($"mmap of {length} bytes failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})");
        }
        return address;
    }
}
