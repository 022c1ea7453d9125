using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// How many descriptors the process may have: RLIMIT_NOFILE, see getrlimit(2). The runtime has raised the soft limit to the hard one at its start. Any thread
/// may ask.
/// </summary>
public static unsafe class OpenFilesLimit
{
    /// <summary>
    /// Raises the limit to <paramref name="least"/> where it is lower, which takes privilege (CAP_SYS_RESOURCE) beyond the hard limit. It never lowers it.
    /// </summary>
    /// <param name="least">Descriptors that are needed, in all.</param>
    /// <returns>The limit that holds now; where raising it was refused, less than was asked for.</returns>
    /// <exception cref="IoException">The kernel does not tell the limit.</exception>
    public static long Raise(long least)
    {
        Resource.rlimit limit;
        if (Resource.getrlimit(Resource.RLIMIT_NOFILE, &limit) < 0)
        {
            throw new IoException("cannot read the limit of open files", Marshal.GetLastSystemError());
        }

        ulong wanted = (ulong)Math.Max(0, least);
        if (limit.rlim_cur < wanted)
        {
            var raised = new Resource.rlimit { rlim_cur = wanted, rlim_max = Math.Max(limit.rlim_max, wanted) };
            limit.rlim_cur = Resource.setrlimit(Resource.RLIMIT_NOFILE, &raised) < 0 ? limit.rlim_cur : wanted;
        }

        // RLIM_INFINITY is the largest number of all.
        return (long)Math.Min(limit.rlim_cur, long.MaxValue);
    }
}
