using Harness.Io;

namespace Harness.Tests;

/// <summary>The kernel's allowance for being late, which belongs to a thread.</summary>
public class TimerSlackTests
{
    [SkippableFact]
    public void A_thread_sets_its_own_slack_and_no_other_threads()
    {
        int before = TimerSlack.OfThisThreadNs;
        Skip.If(before < 0, "a sandbox forbids prctl here");
        int within = 0;
        var thread = new Thread(() =>
        {
            TimerSlack.OfThisThreadNs = 1;
            within = TimerSlack.OfThisThreadNs;
        });
        thread.Start();
        thread.Join();
        Assert.Equal(1, within);
        Assert.Equal(before, TimerSlack.OfThisThreadNs);
        Assert.Throws<ArgumentOutOfRangeException>(() => TimerSlack.OfThisThreadNs = 0);
    }
}
