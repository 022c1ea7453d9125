using System.IO.Pipes;
using Harness.Io;

namespace Harness.Tests;

/// <summary>Calls that sleep are told with their stacks; those that do not, and those that may, are not.</summary>
public class CallWatchTests
{
    [Fact]
    public void A_call_that_waits_is_told_with_its_stack_and_its_times()
    {
        var watch = new CallWatch();
        Waits(watch);
        CallReport report = Assert.Single(watch.Reports, report => report.Name == "waits");
        Assert.True(report.Slept);
        Assert.True(report.Sleeps > 0);
        Assert.True(report.OffCpuUs >= 4_000, $"off the CPU for {report.OffCpuUs} us of at least 5000");
        Assert.Contains(nameof(Waits), report.Stack, StringComparison.Ordinal);
        Assert.Contains("waits slept ", report.ToString(), StringComparison.Ordinal);
        CallFigures figures = watch.Figures["waits"];
        Assert.Equal((1, 1), (figures.Count, figures.Slept));
        Assert.True(figures.LongestNs >= 5_000_000 && figures.WallNs == figures.LongestNs);
    }

    [Fact]
    public void A_blocking_read_is_told() => AssertTold(watch =>
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle);
        var writer = new Thread(() =>
        {
            Thread.Sleep(20);
            pipe.WriteByte(1);
        });
        writer.Start();
        using (CallWatch.Enter(watch, "call"))
        {
            Assert.Equal(1, reader.ReadByte());
        }

        writer.Join();
    });

    [SkippableFact]
    public void An_fsync_is_told()
    {
        using var folder = new TempDir();
        using FileStream file = File.Create(folder.File("f"));
        long sleeps = ThreadUsage.Now().VoluntarySwitches;
        Sync(file);
        Skip.If(ThreadUsage.Now().VoluntarySwitches == sleeps, "fsync(2) does not wait for a disk here, as on tmpfs");
        AssertTold(watch =>
        {
            using (CallWatch.Enter(watch, "call"))
            {
                Sync(file);
            }
        });
    }

    [Fact]
    public void A_call_that_only_works_is_not_told() => NeverSleeps.In(watch =>
    {
        for (int i = 0; i < 1000; i++)
        {
            using (CallWatch.Enter(watch, "works"))
            {
                Thread.SpinWait(10);
            }
        }

        Assert.Equal(1000, watch.Figures["works"].Count);
    });

    [Fact]
    public void A_call_that_says_that_it_waits_is_measured_and_not_told()
    {
        var watch = new CallWatch();
        using (CallWatch.Enter(watch, "may", maySleep: true))
        {
            Thread.Sleep(2);
        }

        Assert.Empty(watch.Reports);
        Assert.Equal(1, watch.Figures["may"].Slept);
    }

    [Fact]
    public void What_an_inner_call_slept_is_told_of_that_one_only() => NeverSleeps.In(watch =>
    {
        var inner = new CallWatch();
        using (CallWatch.Enter(watch, "outer"))
        {
            Waits(inner);
        }

        Assert.Contains(inner.Reports, report => report.Name == "waits");
    });

    [Fact]
    public void A_bound_tells_of_calls_that_took_longer_without_sleeping()
    {
        var told = new List<CallReport>();
        var watch = new CallWatch(boundNs: 1_000_000, told.Add);
        using (CallWatch.Enter(watch, "long"))
        {
            long until = Environment.TickCount64 + 20;
            while (Environment.TickCount64 < until)
            {
                Thread.SpinWait(100);
            }
        }

        CallReport report = Assert.Single(told);
        Assert.Equal("long", report.Name);
        Assert.True(report.WallNs > 1_000_000);
    }

    [Fact]
    public void A_collection_is_no_fault_of_the_call_that_it_meets()
    {
        var watch = new CallWatch();
        using (CallWatch.Enter(watch, "call"))
        {
            GC.Collect();
        }

        Assert.Empty(watch.Reports);
        Assert.Equal(1, watch.Figures["call"].Paused);
    }

    [Fact]
    public void Without_a_watch_nothing_is_allocated()
    {
        long before = 0;
        for (int i = 0; i < 10_001; i++)
        {
            before = i == 1 ? GC.GetAllocatedBytesForCurrentThread() : before;
            using (CallWatch.Enter(null, "nothing"))
            {
            }
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>It must be told; a collection may hide it now and then.</summary>
    private static void AssertTold(Action<CallWatch> scenario)
    {
        for (int i = 0; ; i++)
        {
            var watch = new CallWatch();
            scenario(watch);
            if (watch.Reports.Any(report => report.Slept))
            {
                Assert.Contains(nameof(CallWatchTests), watch.Reports.First().Stack, StringComparison.Ordinal);
                return;
            }

            Assert.True(i < 5, "it was never told");
        }
    }

    private static void Sync(FileStream file)
    {
        RandomAccess.Write(file.SafeFileHandle, new byte[4096], 0);
        RandomAccess.FlushToDisk(file.SafeFileHandle);
    }

    private static void Waits(CallWatch watch)
    {
        using (CallWatch.Enter(watch, "waits"))
        {
            Thread.Sleep(5);
        }
    }
}
