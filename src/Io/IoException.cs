using System.Runtime.InteropServices;

namespace Harness.Io;

/// <summary>A system call failed in set-up work. The message is one line: what was tried, the system's reason, and where it helps what to do.</summary>
/// <param name="what">What was tried, naming its object.</param>
/// <param name="errno">The system call's errno.</param>
public sealed class IoException(string what, int errno) : IOException($"{what}: {Marshal.GetPInvokeErrorMessage(errno)}{Remedy(errno)}")
{
    /// <summary>The system call's errno, positive.</summary>
    public int Errno { get; } = errno;

    private static string Remedy(int errno) => errno switch
    {
        Native.Errno.EMFILE => "; raise the limit with 'ulimit -n'",
        Native.Errno.EADDRINUSE => "; stop the other server, or remove the socket file that it left",
        Native.Errno.EACCES => "; check the permissions of the path",
        _ => string.Empty,
    };
}
