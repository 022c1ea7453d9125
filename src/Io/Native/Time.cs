using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;time.h&gt;</c>; see clock_gettime(2), clock_nanosleep(2) and clock_getcpuclockid(3).</summary>
internal static unsafe partial class Time
{
    public const int CLOCK_MONOTONIC = 1;
    public const int CLOCK_THREAD_CPUTIME_ID = 3;

    // Gives the error number itself, not -1.
    [LibraryImport("libc")]
    public static partial int clock_getcpuclockid(int pid, int* clockid);

    // Gives the error number itself, not -1.
    [LibraryImport("libc")]
    public static partial int clock_nanosleep(int clockid, int flags, Poll.timespec* request, Poll.timespec* remain);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int clock_gettime(int clockid, Poll.timespec* tp);
}
