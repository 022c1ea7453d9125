using System.Diagnostics;
using System.Runtime;

namespace Harness.Load;

/// <summary>
/// The pause between the last reading before the measured part and that part. To read the figures of a server that is not ours is to read files of each of
/// its threads: with 64 of them the code for it is called often enough to be compiled anew, at once and beside the load, which then has the CPU for three
/// quarters of the time. With nothing in flight the compiler is done in a moment, and the server uses nothing that would be counted.
/// </summary>
internal static class TieringRest
{
    // The runtime waits 100 ms after new code was called before it counts calls, and looks every 100 ms whether that is so.
    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(220);

    // Some hundreds of methods at 3 ms each.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(2);

    private const int LookEveryMs = 10;

    /// <summary>Returns when nothing has been compiled for a while, or after 2 s.</summary>
    public static void Take()
    {
        long start = Stopwatch.GetTimestamp();
        long since = start;
        long compiled = JitInfo.GetCompiledMethodCount();
        while (Stopwatch.GetElapsedTime(since) < s_quiet && Stopwatch.GetElapsedTime(start) < s_longest)
        {
            Thread.Sleep(LookEveryMs);
            if (JitInfo.GetCompiledMethodCount() is var count && count != compiled)
            {
                compiled = count;
                since = Stopwatch.GetTimestamp();
            }
        }
    }
}
