using System.Diagnostics;

namespace Harness.Load;

/// <summary>
/// What is done before the measured part with a reading that is made in it. A reading that is made of many calls, of the files of 64 threads or again and
/// again, is code that is called often enough to be compiled anew, at once and beside the load, which then has the CPU for a quarter to three quarters of the
/// time. With nothing in flight the compiler is done in a moment. The last reading follows after that, so that what a server uses in the meantime, all of a
/// CPU if it spins, is not among its costs.
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
    /// <param name="reading">Reads.</param>
    /// <param name="methods">How many methods the process that does the reading's work has compiled by now.</param>
    public static void Before(Action reading, Func<long> methods)
    {
        for (int i = 0; i < MostReadings; i++)
        {
            long before = methods();
            reading();
            Rest(methods);
            if (methods() - before <= Stray)
            {
                break;
            }
        }

        reading();
    }

    private static void Rest(Func<long> methods)
    {
        long start = Stopwatch.GetTimestamp();
        long since = start;
        long compiled = methods();
        while (Stopwatch.GetElapsedTime(since) < s_quiet && Stopwatch.GetElapsedTime(start) < s_longest)
        {
            Thread.Sleep(LookEveryMs);
            if (methods() is var count && count != compiled)
            {
                compiled = count;
                since = Stopwatch.GetTimestamp();
            }
        }
    }
}
