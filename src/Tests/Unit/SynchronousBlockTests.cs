using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Stores that are written as plain calls: what becomes of many requests on few threads.</summary>
public sealed class SynchronousBlockTests
{
    private const int DiskBytes = 1 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Calls_overlap_as_far_as_there_are_threads_and_no_further(int threads)
    {
        // The first ones wait for each other, so all threads are inside at one time.
        using var together = new Barrier(threads);
        int first = threads;
        var store = new SynchronousMemory(DiskBytes)
        {
            Inside = _ =>
            {
                if (Interlocked.Decrement(ref first) >= 0)
                {
                    Assert.True(together.SignalAndWait(Tool.Deadline));
                }

                return 0;
            },
        };
        using (var world = new BlockWorld(new SynchronousBlock(store, threads), "epoll"))
        {
            BlockWorld.Answer[] answers = [.. Enumerable.Range(0, 1000).Select(i => world.Start(NbdCommand.Read, i * 512, 512))];
            Assert.All(answers, answer => Assert.Equal(0, world.Finish(answer).Error));
            world.AssertNothingLeft();
        }

        Assert.Equal((1000, threads, 1), (store.Calls, store.MostInside, store.Disposed));
    }

    [Fact]
    public void A_store_that_says_nothing_of_threads_has_one_call_at_a_time()
    {
        ISynchronousStore plain = new NothingButReads();
        Assert.Equal(ThreadModel.SerializeAllRequests, plain.ThreadModel);
        var store = new SynchronousMemory(DiskBytes, plain.ThreadModel) { Inside = _ => Wait(10) };
        using (var world = new BlockWorld(new SynchronousBlock(store, 4), "epoll"))
        {
            BlockWorld.Answer[] answers = [.. Enumerable.Range(0, 100).Select(i => world.Start(NbdCommand.Read, i * 512, 512))];
            Assert.All(answers, answer => world.Finish(answer));
        }

        Assert.Equal(1, store.MostInside);

        // With more at a time the store does see it.
        var parallel = new SynchronousMemory(DiskBytes) { Inside = _ => Wait(10_000) };
        using (var world = new BlockWorld(new SynchronousBlock(parallel, 4), "epoll"))
        {
            BlockWorld.Answer[] answers = [.. Enumerable.Range(0, 200).Select(i => world.Start(NbdCommand.Read, i * 512, 512))];
            Assert.All(answers, answer => world.Finish(answer));
        }

        Assert.InRange(parallel.MostInside, 2, 4);

        static int Wait(int iterations)
        {
            Thread.SpinWait(iterations);
            return 0;
        }
    }

    [Fact]
    public void A_drain_waits_for_requests_that_wait_for_a_thread_and_the_others_wait_behind_it()
    {
        using var open = new ManualResetEventSlim();
        var store = new SynchronousMemory(DiskBytes) { Inside = _ => open.Wait(Tool.Deadline) ? 0 : 5 };
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", new SynchronousBlock(store, threads: 2));
        DrainWorld.Answer[] inside = [.. Enumerable.Range(0, 30).Select(i => world.Read(i % 3, disk, i * 512))];
        DrainSection section = world.Drains.Begin(disk);
        world.Settle();
        DrainWorld.Answer behind = world.Read(1, disk, 0);
        Assert.False(section.IsQuiet);
        Assert.Equal(30, world.Finish(world.Drains.CountAsync())[disk.Top].InFlight);
        Assert.True(SpinWait.SpinUntil(() => store.MostInside == 2, Tool.Deadline));
        open.Set();
        world.RunUntil(() => section.IsQuiet);
        Assert.All(inside, answer => Assert.True(answer.IsDone && answer.Error == 0));
        Assert.False(behind.IsDone);
        Assert.Equal(30, store.Calls);
        section.End();
        world.RunUntil(() => behind.IsDone);
        Assert.Equal(2, store.MostInside);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_call_that_never_returns_is_named_at_the_deadline()
    {
        using var open = new ManualResetEventSlim();
        var store = new SynchronousMemory(DiskBytes) { Inside = _ => open.Wait(Tool.Deadline) ? 0 : 5 };
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("stats", "", new SynchronousBlock(store)));
        DrainWorld.Answer late = world.Read(0, disk, 4096);
        DrainSection section = world.Drains.Begin(disk, new DrainOptions { DeadlineNs = 1_000_000_000 });
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("not completed: READ of 512 bytes at 4096 on stats/plain, handed to 'plain0'", section.Done.Result.Report[^1]);
        open.Set();
        world.RunUntil(() => late.IsDone);
        world.AssertNothingLeft();
    }

    [Fact]
    public void Errors_are_the_requests_own_whether_they_are_returned_or_thrown()
    {
        (Func<int> Call, int Error, string? Line)[] cases =
        [
            (() => 28, 28, null),
            (() => throw new IoException("pwrite", 28), 28, null),
            (() => throw new IOException("the disk is gone", 6), 6, null),
            (() => throw new OutOfMemoryException(), 12, null),
            (() => throw new IOException("no errno"), 5, "WRITE of 512 bytes at 4096 on plain threw IOException: no errno"),
            (() => throw new InvalidOperationException("on\ntwo lines"), 5, "WRITE of 512 bytes at 4096 on plain threw InvalidOperationException: on two lines"),
        ];
        foreach ((Func<int> call, int error, string? line) in cases)
        {
            var store = new SynchronousMemory(DiskBytes) { Inside = command => command == NbdCommand.Write ? call() : 0 };
            using var world = new BlockWorld(new SynchronousBlock(store), "epoll");
            Assert.Equal(error, world.Write(4096, new byte[512]));
            Assert.Equal(new byte[512], world.Read(0, 512));
            Assert.Equal(line is null ? [] : [line], world.Log);
            world.AssertNothingLeft();
        }
    }

    [Fact]
    public void FUA_is_a_flush_after_and_what_the_store_cannot_do_never_reaches_it()
    {
        List<NbdCommand> commands = [];
        var store = new SynchronousMemory(DiskBytes)
        {
            Inside = command =>
            {
                commands.Add(command);
                return 0;
            },
        };
        using var world = new BlockWorld(new SynchronousBlock(store, threads: 1), "epoll");
        Assert.Equal(0, world.Write(0, new byte[512], NbdCommandFlags.Fua));
        Assert.Equal(0, world.Do(NbdCommand.Cache, 0, 4096));
        Assert.Equal([NbdCommand.Write, NbdCommand.Flush, NbdCommand.Cache], commands);
        using var reads = new BlockWorld(new SynchronousBlock(new NothingButReads()), "epoll", index: 1);
        Assert.Equal(1, reads.Write(0, new byte[512]));
        Assert.Equal(22, reads.Do(NbdCommand.Flush, 0, 0));
        Assert.Equal(22, reads.Do(NbdCommand.Cache, 0, 512));
        Assert.Equal(new BlockExtent(4096, ExtentState.Data), reads.ExtentAt(0, 4096));
        Assert.Equal(Enumerable.Repeat((byte)7, 512), reads.Read(512, 512));
    }

    [Fact]
    public void Once_warm_the_loop_allocates_nothing()
    {
        var store = new SynchronousMemory(DiskBytes);
        using var world = new BlockWorld(new SynchronousBlock(store, threads: 2), "epoll");
        var owner = new Releasing();
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 500);

        void Run()
        {
            for (int i = 0; i < 1000; i++)
            {
                BlockRequest request = world.Home.Rent(owner);
                (request.Command, request.Flags, request.Offset, request.Length) = (NbdCommand.Read, 0, 0, 4096);
                world.Graph.Start(request);
                while (world.Home.RequestsInUse > 0)
                {
                    world.Loop.RunOnce();
                }
            }
        }
    }

    /// <summary>The least that a store may be.</summary>
    private sealed class NothingButReads : ISynchronousStore
    {
        public string Name => "sevens";

        public ulong Size => 1 << 20;

        public BlockCapabilities Capabilities => BlockCapabilities.ReadOnly;

        public int Read(ulong offset, Span<byte> data)
        {
            data.Fill(7);
            return 0;
        }

        public void Dispose()
        {
        }
    }

    private sealed class Releasing : IBlockRequestOwner
    {
        public void OnRequestCompleted(BlockRequest request) => request.Release();
    }
}
