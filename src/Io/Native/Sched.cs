using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sched.h&gt;</c>; see sched_setaffinity(2).</summary>
internal static unsafe partial class Sched
{
    /// <summary>CPUs of a <c>cpu_set_t</c>.</summary>
    public const int CPU_SETSIZE = 1024;

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sched_setaffinity(int pid, nuint cpusetsize, ulong* mask);
}
