using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>The system call that does least: getppid(2), which looks at one number in the kernel. What is left is the way there and back.</summary>
public static class BareSystemCall
{
    /// <summary>Calls it <paramref name="count"/> times, one after the other. Any thread; takes from a tenth of a microsecond to a few for each.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(long count)
    {
        for (long i = 0; i < count; i++)
        {
            _ = Unistd.getppid();
        }
    }
}
