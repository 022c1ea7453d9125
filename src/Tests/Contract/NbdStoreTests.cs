using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The store that forwards to another server: what it announces, how answers pass, and what happens while the other server is away.</summary>
public class NbdStoreTests
{
    private const ExtentState Hole = ExtentState.Hole | ExtentState.Zero;
    private const int EIO = 5, ETIMEDOUT = 110;

    // A drain that hangs up at once, as a server that dies does.
    private static readonly NbdServerOptions Abrupt = new() { DrainDeadlineNs = 1 };

    [Fact]
    public void It_is_what_the_other_server_says()
    {
        using var upstream = new UpstreamServer(new SizedBlock(new BlockSizeConstraints(512, 4096, 65536)));
        using IBlock store = BlockChain.Parse($"nbd:{upstream.Uri}");
        Assert.Equal(1ul << 20, store.Size);
        Assert.Equal(new BlockSizeConstraints(512, 4096, 65536), store.Constraints);
        Assert.Equal(
            BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes | BlockCapabilities.Fua | BlockCapabilities.MultiConn,
            store.Capabilities);
        Assert.Equal($"nbd:{upstream.Uri}", store.Describe());
        using IBlock readOnly = BlockChain.Parse($"readonly/nbd:{upstream.Uri}");
        Assert.True((readOnly.Capabilities & BlockCapabilities.ReadOnly) != 0);
    }

    [Theory]
    [InlineData("nbd:", "'nbd': a URI is missing; write nbd:nbd://localhost:10809/disk or nbd:nbd+unix:///disk?socket=/tmp/h.sock")]
    [InlineData("nbd:connections=0,nbd://localhost", "'nbd': connections=0 is no number from 1 to 64")]
    [InlineData("nbd:conections=2,nbd://localhost", "'nbd': unknown option 'conections': did you mean 'connections'?; before the URI may stand connections=N, and timeout=TIME,")]
    [InlineData("nbd:timeout=3,nbd://localhost", "'nbd': timeout=3 is no time; write one with its unit, like 500ms or 5s")]
    [InlineData("nbd:timeout=3s", "'nbd': a URI is missing")]
    [InlineData("nbd:http://localhost", "'nbd': ")]
    [InlineData("nbd://localhost:0/disk", "has port 0, which is only for listening")]
    public void What_is_written_wrongly_is_bad_usage(string chain, string words)
    {
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse(chain));
        Assert.Contains(words, thrown.Message, StringComparison.Ordinal);
        Assert.True(thrown.IsUsage);
    }

    [Fact]
    public void A_server_that_is_not_there_is_said_before_anything_is_served()
    {
        using var folder = new TempDir();
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse($"nbd:nbd+unix:///?socket={folder.File("none")}"));
        Assert.Contains("there is no such socket; start the server, or check the path", thrown.Message, StringComparison.Ordinal);
        Assert.False(thrown.IsUsage);
    }

    [Theory]
    [InlineData(ReplyForm.Simple)]
    [InlineData(ReplyForm.Structured)]
    [InlineData(ReplyForm.Extended)]
    public void Holes_stay_holes_where_the_other_server_can_tell(ReplyForm form)
    {
        using var upstream = new UpstreamServer(new PatchworkBlock(), new NbdServerOptions { Replies = form });
        using var world = new BlockWorld(BlockChain.Parse($"nbd:{upstream.Uri}"), "epoll");
        BlockWorld.Answer answer = world.Finish(world.Start(NbdCommand.Read, 100, 2000));
        Assert.Equal(PatchworkBlock.Contents()[100..2100], answer.Data);
        Assert.Equal(form == ReplyForm.Simple ? [(2000ul, false)] : [(412, false), (512, true), (512, false), (512, true), (52, false)], answer.Extents);
        Assert.Equal(form == ReplyForm.Simple ? [(512ul, false)] : [(512, true)], world.Finish(world.Start(NbdCommand.Read, 512, 512)).Extents);
        world.AssertNothingLeft(listening: 1);
    }

    [Theory]
    [InlineData(ReplyForm.Simple)]
    [InlineData(ReplyForm.Structured)]
    [InlineData(ReplyForm.Extended)]
    public void Errors_keep_their_number_and_their_place(ReplyForm form)
    {
        int error = 0;
        using var upstream = new UpstreamServer(
            new ActingBlock(request =>
            {
                request.ErrorOffset = request.Offset + 7;
                request.Complete(error);
            }),
            new NbdServerOptions { Replies = form });
        using var world = new BlockWorld(BlockChain.Parse($"nbd:{upstream.Uri}"), "epoll");
        foreach (int wanted in (int[])[1, EIO, 12, 22, 28, 75, 95])
        {
            error = wanted;
            BlockWorld.Answer answer = world.Finish(world.Start(NbdCommand.Read, 4096, 512));
            Assert.Equal((wanted, form == ReplyForm.Simple ? ulong.MaxValue : 4103), (answer.Error, answer.ErrorOffset));
            Assert.Equal(wanted, world.Write(0, new byte[512]));
            Assert.Equal(wanted, world.Do(NbdCommand.Flush, 0, 0));
        }

        // But that the server behind us ends is no reason for our clients to leave us.
        error = 108;
        Assert.Equal(EIO, world.Do(NbdCommand.Flush, 0, 0));
        world.AssertNothingLeft(listening: 1);
    }

    [Theory]
    [InlineData(ReplyForm.Simple, 257)]
    [InlineData(ReplyForm.Structured, 257)]
    [InlineData(ReplyForm.Extended, 1)]
    public void What_does_not_fit_the_wire_is_asked_in_parts(ReplyForm form, int parts)
    {
        const long Tebibyte = 1L << 40;
        var seen = new List<(NbdCommand Command, ulong Offset, ulong Length, NbdCommandFlags Flags)>();
        var block = new SeenBlock(new NullStore(8ul << 40), seen);
        using var upstream = new UpstreamServer(block, new NbdServerOptions { Replies = form });
        using var world = new BlockWorld(BlockChain.Parse($"nbd:{upstream.Uri}"), "epoll");
        foreach (NbdCommand command in (NbdCommand[])[NbdCommand.Trim, NbdCommand.WriteZeroes, NbdCommand.Cache])
        {
            Assert.Equal(0, world.Do(command, Tebibyte, Tebibyte, command == NbdCommand.WriteZeroes ? NbdCommandFlags.FastZero | NbdCommandFlags.Fua : 0));
            List<(NbdCommand Command, ulong Offset, ulong Length, NbdCommandFlags Flags)> asked = [.. seen.Where(request => request.Command == command)];
            Assert.Equal(parts, asked.Count);
            ulong at = Tebibyte;
            Assert.All(asked, request => Assert.Equal(request.Offset, (at += request.Length) - request.Length));
            Assert.Equal(2ul * Tebibyte, at);
            Assert.All(asked, request => Assert.Equal(command == NbdCommand.WriteZeroes ? NbdCommandFlags.FastZero | NbdCommandFlags.Fua : 0, request.Flags));
        }

        BlockExtent first = Assert.Single(world.Status(0, Tebibyte));
        Assert.Equal(form == ReplyForm.Simple ? ExtentState.Data : Hole, first.State);
        Assert.Equal(form == ReplyForm.Structured ? uint.MaxValue & ~65535ul : Tebibyte, first.Length);
        world.AssertNothingLeft(listening: 1);
    }

    [Fact]
    public void What_lies_where_is_asked_of_the_other_server()
    {
        using var upstream = new UpstreamServer(new MemoryStore(1 << 20));
        using var world = new BlockWorld(BlockChain.Parse($"stats/nbd:{upstream.Uri}"), "epoll");
        Assert.Equal(0, world.Write(8192, new byte[4096]));
        Assert.Equal([new(8192, Hole), new(4096, ExtentState.Data), new((1 << 20) - 12288, Hole)], world.Status(0, 1 << 20));
        Assert.Equal([new(5000, Hole)], world.Status(100, 5000));
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void A_server_that_ends_fails_what_was_in_flight_once_and_is_found_again(string backend)
    {
        var block = new HeldBlock();
        using var upstream = new UpstreamServer(block, Abrupt);
        using var world = new BlockWorld(BlockChain.Parse($"nbd:{upstream.Uri}"), backend);
        List<BlockWorld.Answer> held = [.. Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? world.Start(NbdCommand.Read, i * 512, 512)
            : world.StartWrite(i * 512, new byte[512]))];
        Await(world, () => block.Held.Count == 200);
        upstream.Stop();
        Assert.All(held, answer => Assert.Equal(EIO, world.Finish(answer).Error));
        Await(world, () => world.Log.Count > 0);
        Assert.Contains($"{upstream.Uri} is lost", world.Log[0], StringComparison.Ordinal);

        BlockWorld.Answer waiting = world.Start(NbdCommand.Read, 0, 512);
        Await(world, () => world.Log.Count > 1);
        Assert.Contains("cannot be connected to, and requests wait for it up to 5s: ", world.Log[1], StringComparison.Ordinal);
        upstream.Start(new PatchworkBlock());
        Assert.Equal(0, world.Finish(waiting).Error);
        Assert.Contains($"{upstream.Uri} is connected to again, after ", world.Log[^1], StringComparison.Ordinal);

        // Nothing had been changed before, so there is nothing that a flush could have lost.
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        world.AssertNothingLeft(listening: 1);
    }

    [Fact]
    public void Writes_that_no_flush_covered_are_told_of_once_when_the_server_was_lost()
    {
        using var upstream = new UpstreamServer(new MemoryStore(1 << 20));
        using var world = new BlockWorld(BlockChain.Parse($"nbd:{upstream.Uri}"), "epoll");
        Assert.Equal(0, world.Write(0, new byte[512]));
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        Restart();
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        Assert.Equal(0, world.Write(0, new byte[512], NbdCommandFlags.Fua));
        Restart();
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        Assert.Equal(0, world.Write(0, new byte[512]));
        Restart();
        Assert.Contains("writes that were not flushed may be lost, which the next FLUSH will say", world.Log[^1], StringComparison.Ordinal);
        Assert.Equal(EIO, world.Do(NbdCommand.Flush, 0, 0));
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));

        void Restart()
        {
            int lines = world.Log.Count;
            upstream.Stop();
            Await(world, () => world.Log.Count > lines);
            upstream.Start(new MemoryStore(1 << 20));
        }
    }

    [Fact]
    public void Requests_wait_for_a_server_that_is_away_and_no_longer_than_they_were_told_to()
    {
        using var upstream = new UpstreamServer(new MemoryStore(1 << 20));
        using var world = new BlockWorld(BlockChain.Parse($"nbd:timeout=60ms,{upstream.Uri}"), "epoll");
        world.Read(0, 512);
        upstream.Stop();
        List<BlockWorld.Answer> waiting = [.. Enumerable.Range(0, 100).Select(_ => world.Start(NbdCommand.Read, 0, 512))];
        long startNs = world.Loop.NowNs;
        int[] errors = [.. waiting.Select(answer => world.Finish(answer).Error).Distinct()];
        // Those that left before the connection was known to be lost fail with it.
        Assert.All(errors, error => Assert.True(error is EIO or ETIMEDOUT));
        Assert.Equal(ETIMEDOUT, world.Do(NbdCommand.Read, 0, 512));
        Assert.True(world.Loop.NowNs - startNs >= 60_000_000);
        upstream.Start(new MemoryStore(1 << 20));
        Assert.Equal(new byte[512], world.Read(0, 512));
        world.AssertNothingLeft(listening: 1);
    }

    [Fact]
    public void Another_export_in_its_place_is_not_used()
    {
        using var upstream = new UpstreamServer(new MemoryStore(1 << 20));
        using var world = new BlockWorld(BlockChain.Parse($"nbd:timeout=100ms,{upstream.Uri}"), "epoll");
        world.Read(0, 512);
        upstream.Stop();
        Await(world, () => world.Log.Count == 1);
        upstream.Start(new MemoryStore(2 << 20));
        Assert.Equal(ETIMEDOUT, world.Do(NbdCommand.Read, 0, 512));
        Assert.Contains("the export has 2097152 bytes now, and had 1048576; it is not used", world.Log[^1], StringComparison.Ordinal);
        upstream.Stop();
        upstream.Start(new PatternStore(1 << 20));
        Assert.Equal(ETIMEDOUT, world.Do(NbdCommand.Read, 0, 512));
    }

    [Fact]
    public void Several_connections_take_turns_where_a_flush_covers_all()
    {
        using (var upstream = new UpstreamServer(new MemoryStore(1 << 20)))
        {
            using var world = new BlockWorld(BlockChain.Parse($"nbd:connections=3,{upstream.Uri}"), "epoll");
            for (int i = 0; i < 50; i++)
            {
                Assert.Equal(0, world.Write(i * 512, new byte[512]));
            }

            Assert.Equal(3, upstream.Connections);
        }

        using var single = new UpstreamServer(new HeldBlock());
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse($"nbd:connections=2,{single.Uri}"));
        Assert.Contains("does not promise that a flush covers all connections; leave connections= out", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_partition_is_found_behind_another_server()
    {
        using var folder = new TempDir();
        File.WriteAllBytes(folder.File("disk"), PartitionImages.Logical(start: 100, sectors: 64));
        using var upstream = new UpstreamServer(new FileStore(folder.File("disk"), readOnly: false));
        using (var world = new BlockWorld(BlockChain.Parse($"partition:number=5/nbd:{upstream.Uri}"), "epoll"))
        {
            Assert.Equal(64ul * 512, world.Graph.Size);
            Assert.Equal(0, world.Write(0, Wire.Data(1, 4096)));
            Assert.Equal(Wire.Data(1, 4096), world.Read(0, 4096));
        }

        // Whoever looked at the table has left, and so has the world.
        SpinWait.SpinUntil(() => upstream.Connections == 0, TimeSpan.FromSeconds(20));
        Assert.Equal(0, upstream.Connections);
    }

    private static void Await(BlockWorld world, Func<bool> condition)
    {
        DateTime deadline = DateTime.UtcNow.AddSeconds(30);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, $"waited in vain; {string.Join('\n', world.Log)}");
            world.Loop.RunOnceWithoutSleep();
            Thread.Sleep(1);
        }
    }

    private sealed class SizedBlock(BlockSizeConstraints sizes) : TestBlock
    {
        public override BlockSizeConstraints Constraints => sizes;

        public override void Start(BlockRequest request) => request.Complete(0);
    }

    private sealed class SeenBlock(IBlock next, List<(NbdCommand Command, ulong Offset, ulong Length, NbdCommandFlags Flags)> seen) : BlockFilter(next)
    {
        public override string Name => "seen";

        public override void Start(BlockRequest request)
        {
            seen.Add((request.Command, request.Offset, request.Length, request.Flags));
            Pass(request);
        }
    }
}
