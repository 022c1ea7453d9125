using System.Diagnostics;
using Harness.Io;
using Harness.Results;
using Harness.Trace;

namespace Harness.Tests.Unit;

/// <summary>From a runtime's events to figures: the rules by themselves, and a real trace of this very process, in which it is known what happened.</summary>
public sealed class GcTraceTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_trace_of_this_process_has_its_pauses_types_exceptions_and_threads()
    {
        using var session = await OpenAsync();
        // Before the measured part: none of this may be counted.
        Throw(new BeforeException(), 2);
        GC.Collect();
        var start = MonotonicClock.NowNs;
        GC.Collect(0);
        GC.Collect(2);
        Throw(new CountedException(), 7);
        Allocate();
        StartWorkers(4);
        var end = MonotonicClock.NowNs;
        Throw(new BeforeException(), 2);
        await session.StopAsync(CancellationToken.None);
        await session.FinishAsync(CancellationToken.None);

        var side = TraceReader.Read(session.Path, start, end);
        Assert.InRange(session.OpenedNs, 1, start);
        Assert.Equal(0, side.EventsLost);
        // The runtime may take one generation more than it was asked for.
        Assert.Contains(side.Pauses, pause => pause is { Generation: 0 or 1, Reason: "induced" });
        Assert.Contains(side.Pauses, pause => pause is { Generation: 2, Reason: "induced" });
        Assert.Equal(side.PauseCount, side.Pauses.Count);
        Assert.All(side.Pauses, pause => Assert.InRange(pause.StartSeconds, 0, (end - start) / 1e9));
        Assert.Equal(side.PauseTotalUs, side.Pauses.Sum(pause => pause.DurationUs), 3);
        Assert.InRange(side.PauseMaxUs!.Value, 1, (end - start) / 1e3);
        Assert.Equal(7, side.Exceptions.Single(thrown => thrown.Type.EndsWith(nameof(CountedException), StringComparison.Ordinal)).Count);
        Assert.DoesNotContain(side.Exceptions, thrown => thrown.Type.EndsWith(nameof(BeforeException), StringComparison.Ordinal));
        var marked = side.Allocations.First(type => type.Type.Contains(nameof(Marked), StringComparison.Ordinal));
        Assert.InRange(marked.SampledBytes, 10_000_000, 40_000_000);
        Assert.InRange(side.ThreadPool.ThreadsMax!.Value, 1, 10_000);
    }

    [Fact]
    public async Task A_trace_that_was_cut_short_or_is_none_is_one_line()
    {
        using var session = await OpenAsync();
        Throw(new CountedException(), 500);
        await session.StopAsync(CancellationToken.None);
        await session.FinishAsync(CancellationToken.None);
        var bytes = File.ReadAllBytes(session.Path);
        foreach (var length in new[] { 0, 3, 100, bytes.Length / 2, bytes.Length - 1 })
        {
            var path = _folder.File($"cut{length}");
            File.WriteAllBytes(path, bytes[..length]);
            var error = Assert.Throws<HarnessException>(() => TraceReader.Read(path, 0, long.MaxValue));
            Assert.StartsWith("its trace cannot be read: ", error.Message);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    [Fact]
    public async Task A_process_without_diagnostics_is_one_line_and_one_that_ended_is_none()
    {
        // No .NET at all, which has no diagnostics either.
        using var sleep = Process.Start("sleep", "60");
        var deadline = TimeSpan.FromMilliseconds(100);
        Task<TraceSession?> Open() => TraceSession.OpenAsync(sleep.Id, () => sleep.HasExited, _folder.File("t"), deadline, default);
        var error = await Assert.ThrowsAsync<HarnessException>(Open);
        Assert.Equal("cannot be traced: its runtime offered no diagnostics within 100ms", error.Message);
        sleep.Kill();
        await sleep.WaitForExitAsync();
        Assert.Null(await Open());
    }

    [Fact]
    public void Threads_that_stop_for_something_else_are_no_pause()
    {
        var events = new SideEvents(0, 1_000_000);
        events.Pauses.Stop(1000, forCollector: false);
        events.Pauses.Resume(2000);
        events.Pauses.Stop(3000, forCollector: true);
        events.Pauses.Collect(1, "alloc_small", concurrent: false);
        events.Pauses.Resume(5000);
        // A trace may begin in the middle of one.
        events.Pauses.Resume(6000);
        Assert.Equal([new GcPause(0.000003, 2, 1, "alloc_small")], events.Sum(0).Pauses);
    }

    [Fact]
    public void A_concurrent_collection_pauses_more_than_once_and_keeps_its_generation()
    {
        var events = new SideEvents(10_000, 1_000_000);
        // Its first pause lies before the measured part.
        events.Pauses.Stop(1000, forCollector: true);
        events.Pauses.Collect(1, "alloc_small", concurrent: false);
        events.Pauses.Collect(2, "alloc_large", concurrent: true);
        events.Pauses.Resume(2000);
        events.Pauses.Stop(20_000, forCollector: true);
        events.Pauses.Collect(0, "alloc_small", concurrent: false);
        events.Pauses.Resume(21_000);
        events.Pauses.Stop(30_000, forCollector: true);
        events.Pauses.Resume(33_000);
        Assert.Equal([new GcPause(0.00001, 1, 0, "alloc_small"), new GcPause(0.00002, 3, 2, "alloc_large")], events.Sum(0).Pauses);
    }

    [Fact]
    public void What_is_kept_is_bounded_and_what_is_counted_is_not()
    {
        var events = new SideEvents(0, long.MaxValue);
        for (var i = 0; i < 3 * SideEvents.MaxPauses; i++)
        {
            events.Pauses.Stop(i * 10_000L, forCollector: true);
            events.Pauses.Resume((i * 10_000L) + 1000 + i);
        }
        for (var type = 0; type < 100; type++)
        {
            events.Allocate(1, $"Type{type}" + new string('x', 1000), 100 + type);
            events.Throw(1, $"Exception{type}");
        }
        var side = events.Sum(eventsLost: 3);
        Assert.Equal(3 * SideEvents.MaxPauses, side.PauseCount);
        // The longest, which come last here, in the order of time.
        var longest = Enumerable.Range(2 * SideEvents.MaxPauses, SideEvents.MaxPauses).Select(i => Math.Round(i * 0.00001, 6));
        Assert.Equal(longest, side.Pauses.Select(pause => pause.StartSeconds));
        Assert.Equal((SideEvents.MaxTypes, 199L), (side.Allocations.Count, side.Allocations[0].SampledBytes));
        Assert.InRange(side.Allocations[0].Type.Length, 1, 200);
        Assert.Equal((100L, 14_950L), (side.AllocationTicks, side.AllocationSampledBytes));
        Assert.Equal((100L, SideEvents.MaxTypes), (side.ExceptionCount, side.Exceptions.Count));
        Assert.Equal(3, side.EventsLost);
    }

    [Fact]
    public void Workers_are_known_from_before_the_measured_part()
    {
        var events = new SideEvents(100, 200);
        events.Work(50, 3);
        Assert.Equal(new GcThreadPool(3, 3, 0), events.Sum(0).ThreadPool);
        events.Work(150, 5);
        events.Adjust(160);
        events.Work(250, 9);
        events.Adjust(250);
        Assert.Equal(new GcThreadPool(3, 5, 1), events.Sum(0).ThreadPool);
        Assert.Equal(new GcThreadPool(null, null, 0), new SideEvents(0, 1).Sum(0).ThreadPool);
    }

    private async Task<TraceSession> OpenAsync() =>
        (await TraceSession.OpenAsync(Environment.ProcessId, () => false, _folder.File("trace"), TimeSpan.FromSeconds(30), CancellationToken.None))!;

    private static void Throw(Exception exception, int times)
    {
        for (var i = 0; i < times; i++)
        {
            try
            {
                throw exception;
            }
            catch (Exception e) when (ReferenceEquals(e, exception))
            {
                // It was only to be seen.
            }
        }
    }

    private static void Allocate()
    {
        for (var i = 0; i < 20_000; i++)
        {
            GC.KeepAlive(new Marked[125]);
        }
    }

    // More than there are, at once: the pool starts them without its usual hesitation up to the minimum.
    private static void StartWorkers(int more)
    {
        ThreadPool.GetMinThreads(out var min, out var ports);
        var workers = ThreadPool.ThreadCount + more;
        ThreadPool.SetMinThreads(Math.Max(min, workers), ports);
        using var all = new CountdownEvent(workers);
        using var gone = new CountdownEvent(workers);
        for (var i = 0; i < workers; i++)
        {
            ThreadPool.QueueUserWorkItem(_ =>
            {
                all.Signal();
                all.Wait();
                gone.Signal();
            });
        }
        gone.Wait();
        ThreadPool.SetMinThreads(min, ports);
    }

    private readonly record struct Marked(long Value);

    private sealed class CountedException : Exception;

    private sealed class BeforeException : Exception;
}
