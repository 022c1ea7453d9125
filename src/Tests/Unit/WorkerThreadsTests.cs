using Harness.Io;

namespace Harness.Tests;

/// <summary>Threads for calls that block: one calls the next, and yet all are at work where there is work for all.</summary>
public sealed class WorkerThreadsTests
{
    private const int Most = 8;

    [Fact]
    public void All_threads_are_at_work_at_one_time_and_again_after_all_were_idle()
    {
        // Every item waits for seven others: less than all threads would never come to an end.
        using var together = new Barrier(Most);
        using var done = new SemaphoreSlim(0);
        var seen = new HashSet<int>();
        using var threads = new WorkerThreads<int>(Most, "test", _ =>
        {
            lock (seen)
            {
                seen.Add(Environment.CurrentManagedThreadId);
            }

            Assert.True(together.SignalAndWait(Tool.Deadline));
            done.Release();
        });
        for (int round = 0; round < 50; round++)
        {
            SubmitAll(threads, Most * (1 + (round % 3)));
            for (int i = 0; i < Most * (1 + (round % 3)); i++)
            {
                Assert.True(done.Wait(Tool.Deadline), $"round {round}");
            }
        }

        Assert.Equal(Most, seen.Count);
    }

    [Fact]
    public void What_several_threads_submit_is_done_once_each()
    {
        const int Submitters = 4;
        const int Each = 20_000;
        int[] times = new int[Submitters * Each];
        using var all = new CountdownEvent(times.Length);
        using var threads = new WorkerThreads<int>(3, "test", item =>
        {
            Interlocked.Increment(ref times[item]);
            all.Signal();
        });
        Parallel.For(0, Submitters, submitter =>
        {
            for (int i = 0; i < Each; i++)
            {
                threads.Submit((submitter * Each) + i);
            }
        });
        Assert.True(all.Wait(Tool.Deadline), $"{all.CurrentCount} were never done");
        Assert.All(times, count => Assert.Equal(1, count));
    }

    private static void SubmitAll(WorkerThreads<int> threads, int items)
    {
        for (int i = 0; i < items; i++)
        {
            threads.Submit(i);
        }
    }
}
