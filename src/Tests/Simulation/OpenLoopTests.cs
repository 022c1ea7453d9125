using Harness.Load;
using HdrHistogram;

namespace Harness.Tests;

/// <summary>The open loop under a simulated clock, where arithmetic says what every histogram must hold.</summary>
public class OpenLoopTests
{
    private const long SecondNs = 1_000_000_000;
    private const long ServiceNs = 100_000;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_store_stalled_for_a_second_moves_p99_as_arithmetic_says_and_service_time_hides_it(int connections)
    {
        const int Depth = 4;
        using var world = new OpenLoopWorld(
            OpenLoopWorld.Options with { Rate = 1000, Depth = Depth, Connections = connections },
            now => (now is >= 4 * SecondNs and < 5 * SecondNs ? 5 * SecondNs : now) + ServiceNs);
        OpenLoopFigures figures = world.Run(seconds: 10);

        // Of 10,000 requests the 1000 of the stalled second waited from 1 s down to nothing: 100 of them, one in a hundred of all, for more than 0.9 s.
        LongHistogram latency = world.Record.Latencies.Sum();
        Assert.Equal(10_000, latency.TotalCount);
        Assert.InRange(latency.GetValueAtPercentile(99), 0.99 * 0.9e9, 1.01 * 0.9e9);
        Assert.InRange(latency.GetMaxValue(), 0.99e9, 1.01e9);

        // To the histogram's three digits: request i of the stalled second also waited until those before it were served, as many at a time as there are slots.
        int slots = Depth * connections;
        foreach ((double percentile, int i) in new[] { (99.0, 100), (97, 300), (95, 500) })
        {
            double expectedNs = SecondNs - (i * 1e6) + (((i / slots) + 1) * ServiceNs);
            Assert.InRange(latency.GetValueAtPercentile(percentile), 0.998 * expectedNs, 1.002 * expectedNs);
        }

        // Only what was in flight when the stall began was served late: one request per slot.
        Assert.Equal(10_000, world.Record.Services.TotalCount);
        Assert.InRange(world.Record.Services.GetValueAtPercentile(99), ServiceNs, 1.01 * ServiceNs);
        Assert.Equal(slots, CountAbove(world.Record.Services, 0.5e9));

        // The rest waited in the schedule, and the lag says how long.
        Assert.InRange(world.Record.SendLags!.GetValueAtPercentile(99), 0.98 * 0.9e9, 1.02 * 0.9e9);
        Assert.Equal((1000.0, 0L, false), (figures.RateOffered, figures.Unsent, figures.Saturated));
        Assert.InRange(figures.RateAchieved, 999, 1000);
    }

    [Fact]
    public void A_closed_loop_does_not_see_the_same_stall()
    {
        using var world = new OpenLoopWorld(
            OpenLoopWorld.Options with { Depth = 1 },
            now => (now is >= 4 * SecondNs and < 5 * SecondNs ? 5 * SecondNs : now) + SecondNs / 1000);
        Assert.True(world.Session.RunPhase(null, TimeSpan.FromSeconds(10)));
        Assert.InRange(world.Record.Latencies.Sum().GetValueAtPercentile(99.9), 0.99e6, 1.01e6);
        Assert.Null(world.Session.OpenLoopFigures(world.Record));
    }

    [Fact]
    public void A_closed_loop_that_thinks_asks_once_per_answer_and_pause()
    {
        LoadOptions thinking = OpenLoopWorld.Options with { Depth = 3, ThinkTime = TimeSpan.FromMilliseconds(9) };
        using var world = new OpenLoopWorld(thinking, now => now + SecondNs / 1000);
        // A millisecond to answer and nine to think: a hundred rounds in a second, on each of three slots.
        Assert.True(world.Session.RunPhase(null, TimeSpan.FromSeconds(1)));
        Assert.Equal(300, world.Session.Ops);
        Assert.InRange(world.Record.Latencies.Sum().GetMaxValue(), 1_000_000, 1_001_000);
        Assert.True(world.Session.RunPhase(100, TimeSpan.Zero));
        Assert.Equal(100, world.Session.Ops);
    }

    [Fact]
    public void Requests_of_several_sizes_are_counted_by_their_own_bytes()
    {
        LoadOptions mixed = OpenLoopWorld.Options with { Rate = 1000, RequestBytes = 128, Sizes = Matrix.RequestSizes.Parse("64:75,128:25"), ReadPercent = 50 };
        using var world = new OpenLoopWorld(mixed, now => now + ServiceNs);
        world.Run(seconds: 10);
        Assert.InRange(world.Session.Bytes / (double)world.Session.Ops, 79, 81);
    }

    [Fact]
    public void A_rate_far_above_what_the_server_can_do_is_saturated_and_what_waits_too_long_is_given_up()
    {
        using var world = new OpenLoopWorld(OpenLoopWorld.Options with { Rate = 2000, Depth = 1 }, now => now + SecondNs / 1000);
        OpenLoopFigures figures = world.Run(seconds: 2, catchUpSeconds: 1);
        // A request takes a millisecond, so 3000 left in three seconds.
        Assert.Equal((2000.0, 1000L, true), (figures.RateOffered, figures.Unsent, figures.Saturated));
        Assert.InRange(figures.RateAchieved, 1000, 1001);
        Assert.Equal(3000, world.Session.Ops);
    }

    [Theory]
    [InlineData(1005, "Constant", 1, true)]
    [InlineData(1002, "Constant", 100, true)]
    [InlineData(1000, "Constant", 1, false)]
    [InlineData(999, "Constant", 1, false)]
    [InlineData(500, "Poisson", 1, false)]
    [InlineData(900, "Poisson", 8, false)]
    [InlineData(1100, "Poisson", 1, true)]
    [InlineData(1100, "Constant", 5000, true)]
    public void A_queue_without_end_is_saturated_and_a_long_one_is_not(long rate, string arrivals, int depth, bool saturated)
    {
        // One at a time, a millisecond each: a thousand per second.
        long freeAt = 0;
        using var world = new OpenLoopWorld(
            OpenLoopWorld.Options with { Rate = rate, Arrivals = Enum.Parse<ArrivalProcess>(arrivals), Depth = depth },
            now => freeAt = Math.Max(now, freeAt) + SecondNs / 1000);
        OpenLoopFigures figures = world.Run(seconds: 20, catchUpSeconds: 20);
        Assert.Equal((saturated, 0L), (figures.Saturated, figures.Unsent));
    }

    [Fact]
    public void A_stall_at_the_end_is_measured_in_full_because_the_schedule_is_drained()
    {
        using var world = new OpenLoopWorld(
            OpenLoopWorld.Options with { Rate = 100, Depth = 1 },
            now => now is >= 9 * SecondNs and < 12 * SecondNs ? 12 * SecondNs : now + ServiceNs);
        world.Run(seconds: 10, catchUpSeconds: 10);
        Assert.Equal(1000, world.Record.Latencies.Sum().TotalCount);
        Assert.InRange(world.Record.Latencies.Sum().GetMaxValue(), 2.99e9, 3.01e9);
    }

    [Fact]
    public void A_number_of_operations_is_sent_to_the_last_however_late()
    {
        using var world = new OpenLoopWorld(OpenLoopWorld.Options with { Rate = 2000, Depth = 1 }, now => now + SecondNs / 1000);
        OpenLoopFigures figures = world.Run(seconds: 0, ops: 5000);
        Assert.Equal((5000L, 0L, true), (world.Session.Ops, figures.Unsent, figures.Saturated));
        Assert.Equal(2000, figures.RateOffered, 6);
        Assert.Equal(5000 / 4.999, figures.RateAchieved, 6);
    }

    [Fact]
    public void Requests_go_to_the_connections_in_turn()
    {
        using var world = new OpenLoopWorld(OpenLoopWorld.Options with { Rate = 1000, Connections = 4, Depth = 2 }, now => now + ServiceNs);
        long before = world.Pipes[0].ClientBytes;
        world.Run(seconds: 1);
        // A read is 28 bytes on the wire.
        Assert.All(world.Pipes, pipe => Assert.Equal(250 * 28, pipe.ClientBytes - before));
    }

    [Fact]
    public void Every_request_leaves_at_its_own_nanosecond_and_phases_follow_each_other()
    {
        var starts = new List<long>();
        using var world = new OpenLoopWorld(
            OpenLoopWorld.Options with { Rate = 300_000, Depth = 4 },
            now =>
            {
                starts.Add(now);
                return now + 1;
            });
        world.Run(seconds: 0.001);
        long second = world.Loop.NowNs;
        world.Run(seconds: 0.001);
        Assert.Equal(600, starts.Count);
        Assert.Equal(Enumerable.Range(0, 300).Select(i => i * SecondNs / 300_000), starts.Take(300));
        Assert.Equal(Enumerable.Range(0, 300).Select(i => second + (i * SecondNs / 300_000)), starts.Skip(300));
        Assert.Equal(0, world.Record.SendLags!.GetMaxValue());
    }

    private static long CountAbove(HistogramBase histogram, double ns) =>
        histogram.RecordedValues().Where(value => value.ValueIteratedTo > ns).Sum(value => value.CountAddedInThisIterationStep);
}
