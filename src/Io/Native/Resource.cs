using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/resource.h&gt;</c>; see getrusage(2) and getrlimit(2).</summary>
internal static unsafe partial class Resource
{
    public const int RUSAGE_CHILDREN = -1;
    public const int RUSAGE_SELF = 0;
    public const int RUSAGE_THREAD = 1;
    public const int RLIMIT_NOFILE = 7;

    [StructLayout(LayoutKind.Sequential)]
    public struct rlimit
    {
        public ulong rlim_cur;
        public ulong rlim_max;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct rusage
    {
        public long ru_utime_sec;
        public long ru_utime_usec;
        public long ru_stime_sec;
        public long ru_stime_usec;
        public long ru_maxrss;
        public fixed long ru_unused[11];
        public long ru_nvcsw;
        public long ru_nivcsw;
    }

    [LibraryImport("libc")]
    public static partial int getrusage(int who, rusage* usage);

    [LibraryImport("libc")]
    public static partial int getrlimit(int resource, rlimit* rlim);

    [LibraryImport("libc")]
    public static partial int setrlimit(int resource, rlimit* rlim);
}
