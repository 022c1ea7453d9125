using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;malloc.h&gt;</c>; see mallinfo2(3). glibc only.</summary>
internal static partial class Malloc
{
    [StructLayout(LayoutKind.Sequential)]
    public struct mallinfo2_t
    {
        public nuint arena;
        public nuint ordblks;
        public nuint smblks;
        public nuint hblks;
        public nuint hblkhd;
        public nuint usmblks;
        public nuint fsmblks;
        public nuint uordblks;
        public nuint fordblks;
        public nuint keepcost;
    }

    [LibraryImport("libc")]
    public static partial mallinfo2_t mallinfo2();
}
