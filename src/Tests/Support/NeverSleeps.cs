using Harness.Io;

namespace Harness.Tests;

/// <summary>
/// Judges whether calls block: by the kernel's word that the thread slept, never by a time. A page that is read in, or a lock of the runtime, may put a thread
/// to sleep once; a call that blocks does so each time. So what slept is tried again, and only what slept every time has failed.
/// </summary>
internal static class NeverSleeps
{
    private const int Tries = 4;

    // A scenario of many calls has an accident in each run.
    private const int CallsPerAccident = 2000;

    /// <summary>Runs the scenario with a watch, again where a call slept.</summary>
    public static void In(Action<CallWatch> scenario)
    {
        HashSet<string> each = [];
        string told = string.Empty;
        for (int i = 0; i < Tries; i++)
        {
            var watch = new CallWatch();
            scenario(watch);
            Assert.True(watch.Figures.Count > 0, "nothing was watched");
            IEnumerable<string> slept = watch.Reports.Where(report => report.Slept).GroupBy(report => report.Name)
                .Where(calls => calls.Count() > watch.Figures[calls.Key].Count / CallsPerAccident).Select(calls => calls.Key);
            each = i == 0 ? [.. slept] : [.. each.Intersect(slept)];
            if (each.Count == 0)
            {
                return;
            }

            told = watch.Reports.First(report => each.Contains(report.Name)).ToString();
        }

        Assert.Fail($"slept in each of {Tries} runs: {told}");
    }
}
