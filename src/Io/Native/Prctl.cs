using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary><c>&lt;sys/prctl.h&gt;</c>; see prctl(2).</summary>
internal static partial class Prctl
{
    public const int PR_SET_TIMERSLACK = 29;
    public const int PR_GET_TIMERSLACK = 30;

    [LibraryImport("libc")]
    public static partial int prctl(int option, ulong arg2, ulong arg3, ulong arg4, ulong arg5);
}
