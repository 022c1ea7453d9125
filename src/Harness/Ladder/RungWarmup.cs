using System.Diagnostics;
using System.Runtime;

namespace Harness.Ladder;

/// <summary>
/// Runs a rung before its measured part until the runtime has compiled what it has to: as <see cref="Load.Warmup"/> does it, but for this side alone. The
/// answering side's loop is compiled with all optimizations at once.
/// </summary>
internal static class RungWarmup
{
    // Code that is called now and then is compiled much later, a method at a time.
    private const int Stray = 3;

    /// <returns>How long it took.</returns>
    /// <param name="warmup">How long at least; at most as many times as long as <see cref="Load.Warmup.MaxTimes"/> says.</param>
    /// <param name="phase">Runs the rung for a time.</param>
    public static TimeSpan Run(TimeSpan warmup, Action<TimeSpan> phase)
    {
        long start = Stopwatch.GetTimestamp();
        phase(warmup);
        TimeSpan longest = warmup * Load.Warmup.MaxTimes;
        while (Stopwatch.GetElapsedTime(start) is var spent && spent < longest)
        {
            long before = JitInfo.GetCompiledMethodCount();
            phase(longest - spent < Load.Warmup.Quiet ? longest - spent : Load.Warmup.Quiet);
            if (JitInfo.GetCompiledMethodCount() - before <= Stray)
            {
                break;
            }
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Stopwatch.GetElapsedTime(start);
    }
}
