using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary>kcmp(2), called as libc's <c>syscall(2)</c> because glibc has no wrapper for it.</summary>
internal static partial class Compare
{
    private const nint KCMP_FILE = 0;

    private static readonly nint __NR_kcmp = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 312 : 272;

    /// <summary>1 where two descriptors of this process are of one open file, 0 where not, minus errno where that cannot be told; -EBADF is 0.</summary>
    public static int SameFile(int one, int other)
    {
        nint pid = Environment.ProcessId;
        nint result = syscall_kcmp(__NR_kcmp, pid, pid, KCMP_FILE, one, other);
        if (result >= 0)
        {
            return result == 0 ? 1 : 0;
        }

        int errno = Marshal.GetLastSystemError();
        return errno == Errno.EBADF ? 0 : -errno;
    }

    // syscall() is variadic in C. Its integer arguments travel as those of any other function on x86-64 and arm64, each widened to a register.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint syscall_kcmp(nint number, nint pid1, nint pid2, nint type, nint idx1, nint idx2);
}
