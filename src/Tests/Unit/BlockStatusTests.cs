using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>BLOCK_STATUS on its way through the graph: bounded answers, equal neighbours as one, and every filter in its way.</summary>
public sealed class BlockStatusTests : IDisposable
{
    private const ExtentState Hole = ExtentState.Hole | ExtentState.Zero;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Equal_neighbours_are_one_extent_and_nothing_leaves_the_range()
    {
        using var world = new BlockWorld(new ActingBlock(request =>
        {
            Assert.True(request.AddStatus(512, Hole));
            Assert.True(request.AddStatus(512, Hole));
            Assert.True(request.AddStatus(0, ExtentState.Data));
            Assert.True(request.AddStatus(100, ExtentState.Data));
            Assert.False(request.AddStatus(1 << 20, ExtentState.Zero));
            Assert.False(request.AddStatus(1, ExtentState.Zero));
            request.Complete(0);
        }));
        Assert.Equal([new(1024, Hole), new(100, ExtentState.Data), new(2972, ExtentState.Zero)], world.Status(4096, 4096));
        world.AssertNothingLeft();
    }

    [Fact]
    public void An_answer_is_bounded_and_one_extent_is_one()
    {
        using var world = new BlockWorld(new ActingBlock(request =>
        {
            for (int i = 0; request.AddStatus(1, i % 2 == 0 ? ExtentState.Data : Hole); i++)
            {
            }

            request.Complete(0);
        }));
        Assert.Equal(BlockRequest.MaxStatusExtents, world.Status(0, 1 << 20).Length);
        Assert.Equal([new(1, ExtentState.Data)], world.Status(0, 1 << 20, NbdCommandFlags.ReqOne));
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_block_that_says_nothing_says_data()
    {
        using var world = new BlockWorld(new ActingBlock(request => request.Complete(0)));
        Assert.Equal([new(1 << 20, ExtentState.Data)], world.Status(0, 1 << 20));
    }

    [Theory]
    [InlineData("offset:offset=8192", true)]
    [InlineData("cow", true)]
    [InlineData("stats", true)]
    [InlineData("blocksize:minimum=1", true)]
    [InlineData("blocksize:minimum=4096", false)]
    public void Filters_agree_with_the_map_behind_them(string filter, bool exactly)
    {
        foreach (int most in (int[])[1, 3, int.MaxValue])
        {
            var map = new RandomMap(seed: 5, most);
            string[] parts = [.. filter.Split(':'), string.Empty];
            using var world = new BlockWorld(BlockWorld.Filter(parts[0], parts[1], map));
            int shift = (int)((1 << 20) - world.Graph.Size);
            var random = new Random(6);
            for (int i = 0; i < 200; i++)
            {
                int offset = random.Next((int)world.Graph.Size);
                int length = 1 + random.Next((int)world.Graph.Size - offset);
                BlockExtent[] status = world.Status(offset, length);
                ulong at = (ulong)(shift + offset);
                foreach (BlockExtent extent in status)
                {
                    BlockExtent real = map.ExtentAt(at, extent.Length);
                    Assert.True(real == extent || (!exactly && extent.State == ExtentState.Data), $"{filter}, {most} at a time: {extent} at {at}, where there is {real}");
                    at += extent.Length;
                }

                // It asks on where an answer ends early.
                Assert.True(filter != "cow" || at == (ulong)(offset + length), $"{most} at a time: {at} of {offset + length}");
                world.AssertNothingLeft();
            }
        }
    }

    [Fact]
    public void Filters_do_with_it_what_they_do_with_others()
    {
        string log = _folder.File("log");
        string file = log.Replace("/", "%2F", StringComparison.Ordinal);
        using (var world = new BlockWorld(BlockChain.Parse($"stats/log:file={file}/delay:status=1ms/error:commands=status,offset=4k,length=1,errno=EPERM/memory:1M")))
        {
            BlockWorld.Answer late = world.Start(NbdCommand.BlockStatus, 0, 4096);
            Assert.False(late.IsDone);
            world.Finish(late);
            Assert.Equal((0, 1_000_000L), (late.Error, late.AtNs));
            Assert.Equal([new(4096, Hole)], late.Status);
            Assert.Equal(1, world.Do(NbdCommand.BlockStatus, 4096, 512));
            Assert.Contains("BLOCK_STATUS 2 requests, 4608 bytes, 1 error", Assert.Single(((BlockFilter)world.Graph.Top).Summary()), StringComparison.Ordinal);
            world.AssertNothingLeft();
        }

        Assert.Contains("1 BLOCK_STATUS ok us=1000", File.ReadAllText(log), StringComparison.Ordinal);
        Assert.Contains("2 BLOCK_STATUS EPERM us=1000", File.ReadAllText(log), StringComparison.Ordinal);
    }

    [Fact]
    public void Ten_thousand_answers_allocate_nothing()
    {
        using var world = new BlockWorld(BlockChain.Parse("memory:1M"));
        world.Write(4096, new byte[4096]);
        var owner = new CountingOwner();
        Ask(world, owner, 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Ask(world, owner, 10_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(10_100 * 3, owner.Extents);
    }

    private static void Ask(BlockWorld world, CountingOwner owner, int times)
    {
        for (int i = 0; i < times; i++)
        {
            BlockRequest request = world.Home.Rent(owner);
            (request.Command, request.Flags, request.Offset, request.Length) = (NbdCommand.BlockStatus, NbdCommandFlags.None, 0, 1 << 20);
            world.Graph.Start(request);
        }
    }

    private sealed class CountingOwner : IBlockRequestOwner
    {
        public int Extents { get; private set; }

        public void OnRequestCompleted(BlockRequest request)
        {
            Extents += request.Status.Length;
            request.Release();
        }
    }

    /// <summary>Extents of any length, of which one answer tells a few.</summary>
    private sealed class RandomMap : TestBlock, IExtentMap
    {
        private readonly List<(ulong End, ExtentState State)> _extents = [];
        private readonly int _most;

        public RandomMap(int seed, int most)
        {
            _most = most;
            var random = new Random(seed);
            for (ulong at = 0; at < Size;)
            {
                at = Math.Min(Size, at + 1 + (ulong)random.Next(random.Next(2) == 0 ? 100 : 20_000));
                _extents.Add((at, _extents.Count % 2 == 0 ? Hole : ExtentState.Data));
            }
        }

        public BlockExtent ExtentAt(ulong offset, ulong length)
        {
            (ulong end, ExtentState state) = _extents.First(extent => extent.End > offset);
            return new BlockExtent(Math.Min(length, end - offset), state);
        }

        public override void Start(BlockRequest request)
        {
            bool more = true;
            for (int i = 0; i < _most && more; i++)
            {
                ulong at = request.Offset + request.StatusBytes;
                BlockExtent extent = ExtentAt(at, request.Offset + request.Length - at);
                more = request.AddStatus(extent.Length, extent.State);
            }

            request.Complete(0);
        }
    }
}
