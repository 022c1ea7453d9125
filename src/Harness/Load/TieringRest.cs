using System.Diagnostics;
using System.Runtime;

namespace Harness.Load;

/// <summary>
/// What is done before the measured part with the reading that begins it. To read the figures of a server that is not ours is to read files of each of its
/// threads: with 64 of them the code for it is called often enough to be compiled anew, at once and beside the load, which then has the CPU for three
/// quarters of the time. With nothing in flight the compiler is done in a moment. The last reading follows after that, so that what a server uses in the
/// meantime, all of a CPU if it spins, is not among its costs.
/// </summary>
internal static class TieringRest
{
    // The runtime waits 100 ms after new code was called before it counts calls, and looks every 100 ms whether that is so.
    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(220);

    // Some hundreds of methods at 3 ms each.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(2);

    private const int LookEveryMs = 10;

    // Hot code is compiled twice: to learn how it runs, and with what was learnt. The third time finds nothing left.
    private const int MostReadings = 4;

    // Code that is called now and then gets hot at any time.
    private const int Stray = 3;

    /// <summary>
    /// Reads until reading compiles nothing any more, then once again; each time but the last it waits until nothing is compiled, for 2 s at most.
    /// </summary>
    public static void Before(Action reading)
    {
        for (int i = 0; i < MostReadings; i++)
        {
            long before = JitInfo.GetCompiledMethodCount();
            reading();
            Rest();
            if (JitInfo.GetCompiledMethodCount() - before <= Stray)
            {
                break;
            }
        }

        reading();
    }

    private static void Rest()
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
