using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Filters in which time matters, in simulated time: what is promised holds to the nanosecond.</summary>
public class FilterTimeTests
{
    private static readonly TimeSpan s_almost = TimeSpan.FromMilliseconds(1) - TimeSpan.FromTicks(1);

    [Fact]
    public void A_delayed_request_goes_on_when_its_time_has_come_and_not_before()
    {
        using var world = new BlockWorld(BlockChain.Parse("delay:read=1ms,write=2ms/memory:1M"));
        BlockWorld.Answer read = world.Start(NbdCommand.Read, 0, 512);
        BlockWorld.Answer write = world.StartWrite(0, new byte[512]);
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        world.Advance(s_almost);
        Assert.False(read.IsDone);
        world.Advance(TimeSpan.FromTicks(1));
        Assert.True(read.IsDone);
        Assert.False(write.IsDone);
        world.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(write.IsDone);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_trim_and_a_zeroing_wait_like_a_write_unless_told_otherwise()
    {
        using var world = new BlockWorld(BlockChain.Parse("delay:write=2ms,zero=5ms/memory:1M"));
        BlockWorld.Answer trim = world.Finish(world.Start(NbdCommand.Trim, 0, 512));
        Assert.Equal(2_000_000, trim.AtNs);
        Assert.Equal(7_000_000, world.Finish(world.Start(NbdCommand.WriteZeroes, 0, 512)).AtNs);
    }

    [Fact]
    public void Any_number_of_requests_may_wait_and_once_warm_none_allocates()
    {
        int count = TestScale.Pick(10_000, 100_000);
        using var world = new BlockWorld(BlockChain.Parse("delay:read=1s/memory:1M"));
        var owner = new Counting();
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2000);
        Assert.Equal(2 * count, owner.Completed);
        world.AssertNothingLeft();

        void Run()
        {
            for (int i = 0; i < count; i++)
            {
                BlockRequest request = world.Home.Rent(owner);
                (request.Command, request.Offset, request.Length) = (NbdCommand.Read, 0, 512);
                world.Graph.Start(request);
            }

            Assert.Equal(count, world.Home.RequestsInUse);
            while (world.Home.RequestsInUse > 0)
            {
                world.Loop.RunOnce();
            }
        }
    }

    [Theory]
    [InlineData("stats/memory:1M")]
    [InlineData("offset:offset=4k/stats/offset:offset=4k/memory:1M")]
    [InlineData("error:rate=0.5/memory:1M")]
    [InlineData("throttle:requests=1000000000/memory:1M")]
    [InlineData("blocksize:minimum=512,maximum=4k/memory:1M")]
    [InlineData("cow/memory:1M")]
    [InlineData("noparallel/memory:1M")]
    [InlineData("noparallel:serialize=all-requests/memory:1M")]
    public void Once_warm_no_filter_allocates(string chain)
    {
        using var world = new BlockWorld(BlockChain.Parse(chain));
        var owner = new Counting();
        using var data = new NativeBuffer(10_000);
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 500);
        world.AssertNothingLeft();

        void Run()
        {
            for (int i = 0; i < 500; i++)
            {
                BlockRequest request = world.Home.Rent(owner);
                (request.Command, request.Offset, request.Length) = (i % 2 == 0 ? NbdCommand.Read : NbdCommand.Write, (ulong)(i * 100), 10_000);
                request.Payload = i % 2 == 0 ? default : data.Whole;
                world.Graph.Start(request);
                while (world.Home.RequestsInUse > 0)
                {
                    world.Loop.RunOnce();
                }
            }
        }
    }

    [Fact]
    public void A_throttle_lets_a_burst_through_and_then_keeps_its_rate_in_the_order_of_asking()
    {
        // 1,024,000 bytes a second: 1 KiB a millisecond. Ten are saved up; the request that uses up the last of them goes as well.
        using var world = new BlockWorld(BlockChain.Parse("throttle:rate=1000k,burst=10ms/memory:1M"));
        BlockWorld.Answer[] answers = [.. Enumerable.Range(0, 31).Select(_ => world.Start(NbdCommand.Read, 0, 1024))];
        Assert.Equal(11, answers.Count(answer => answer.IsDone));
        Assert.All(answers, answer => world.Finish(answer));
        Assert.Equal([.. Enumerable.Range(1, 20).Select(i => i * 1_000_000L)], answers[11..].Select(answer => answer.AtNs));
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_throttle_by_requests_counts_every_command()
    {
        using var world = new BlockWorld(BlockChain.Parse("throttle:requests=1000,burst=0s/memory:1M"));
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        Assert.Equal(1_000_000, world.Finish(world.Start(NbdCommand.Trim, 0, 10)).AtNs);
        Assert.Equal(2_000_000, world.Finish(world.Start(NbdCommand.Read, 0, 100_000)).AtNs);
    }

    [Fact]
    public void A_request_without_data_does_not_overtake_those_that_wait_for_their_bytes()
    {
        using var world = new BlockWorld(BlockChain.Parse("throttle:rate=1M,burst=0s/memory:4M"));
        BlockWorld.Answer first = world.Start(NbdCommand.Read, 0, 1 << 20);
        BlockWorld.Answer second = world.Start(NbdCommand.Read, 0, 1 << 20);
        BlockWorld.Answer flush = world.Start(NbdCommand.Flush, 0, 0);
        Assert.True(first.IsDone);
        Assert.False(flush.IsDone);
        world.Finish(flush);
        Assert.True(second.IsDone);
    }

    [Fact]
    public void Stats_tell_what_was_seen_at_their_place()
    {
        using var world = new BlockWorld(BlockChain.Parse("stats:name=outside/error:commands=trim/delay:read=1ms/stats/memory:1M"));
        for (int i = 0; i < 100; i++)
        {
            world.Read(0, 4096);
        }

        world.Write(0, new byte[512]);
        Assert.Equal(5, world.Do(NbdCommand.Trim, 0, 512));
        var outside = (BlockFilter)world.Graph.Top;
        Assert.Equal(
            [
                "stats outside: READ 100 requests, 409600 bytes, 0 errors; p50 1ms, p99 1ms, p99.9 1ms, max 1ms",
                "stats outside: WRITE 1 request, 512 bytes, 0 errors; p50 0ns, p99 0ns, p99.9 0ns, max 0ns",
                "stats outside: TRIM 1 request, 512 bytes, 1 error; p50 0ns, p99 0ns, p99.9 0ns, max 0ns",
            ],
            outside.Summary());
        var inside = (BlockFilter)((BlockFilter)((BlockFilter)outside.Next).Next).Next;
        Assert.Equal("stats: READ 100 requests, 409600 bytes, 0 errors; p50 0ns, p99 0ns, p99.9 0ns, max 0ns", inside.Summary().First());
        Assert.Equal(2, inside.Summary().Count());
    }

    [Fact]
    public void Latencies_are_told_to_an_eighth()
    {
        var counts = new LatencyCounts();
        for (long ns = 0; ns < 1_000_000; ns += 7)
        {
            counts.Record(ns);
        }

        foreach (double share in (double[])[0.001, 0.1, 0.5, 0.99, 0.9999])
        {
            Assert.InRange(counts.Percentile(share), (long)(share * 999_000), (long)(share * 1_000_000 * 9 / 8) + 8);
        }

        LatencyClass[] classes = [.. counts.Seen];
        Assert.Equal(counts.Count, classes.Sum(one => one.Count));
        Assert.Equal(classes.OrderBy(one => one.UpToNs), classes);
        long half = 0;
        Assert.Equal(counts.Percentile(0.5), classes.First(one => (half += one.Count) * 2 >= counts.Count).UpToNs);
        counts.Record(long.MaxValue);
        Assert.Equal(long.MaxValue, counts.Percentile(1));
        counts.Record(-5);
        Assert.Equal(0, counts.Percentile(0));
    }

    private sealed class Counting : IBlockRequestOwner
    {
        public int Completed { get; private set; }

        public void OnRequestCompleted(BlockRequest request)
        {
            Completed++;
            request.Release();
        }
    }
}
