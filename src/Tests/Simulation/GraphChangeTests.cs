using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Changes of the graph while it serves: who sees them, what is refused, and when what was removed is disposed of.</summary>
public class GraphChangeTests
{
    private const long SecondNs = 1_000_000_000;

    [Fact]
    public void What_waited_goes_through_a_filter_that_was_put_in_meanwhile_and_past_one_that_was_taken_out()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "stats:name=outside/memory:1M");
        DrainSection section = world.Drains.Begin(disk);
        world.Settle();
        DrainWorld.Answer[] answers = [.. Enumerable.Range(0, 6).Select(i => world.Write(i % 3, disk, i * 512, Wire.Data(i, 512)))];
        GraphChange change = world.Finish(world.Changes.InsertAsync("memory0", "stats:name=inside/error:commands=trim"));
        Assert.Equal(["stats1", "error0"], change.Added);
        Assert.Equal("stats:name=outside/stats:name=inside/error:commands=trim/memory:1M", disk.Describe());
        change = world.Finish(world.Changes.RemoveAsync("stats0"));
        Assert.Equal(["stats0"], change.Removed);
        Assert.DoesNotContain(answers, answer => answer.IsDone);
        section.End();
        world.Settle();
        Assert.All(answers, answer => Assert.True(answer.IsDone && answer.Error == 0));
        Assert.Contains("WRITE 6 requests", ((BlockFilter)world.Nodes.Get("stats1").Block).Summary().First(), StringComparison.Ordinal);
        string unknown = Assert.Throws<BlockException>(() => world.Nodes.Get("stats0")).Message;
        Assert.Equal("there is no node 'stats0': did you mean 'stats1'?; there are memory0, stats1, error0", unknown);
        Assert.Equal(5, world.Start(0, disk, NbdCommand.Trim, 0, 512).Error);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_change_drains_by_itself_and_may_be_asked_for_inside_a_completion_that_it_waits_for()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("delay", "", held));
        DrainWorld.Answer first = world.Read(0, disk, 0);
        world.Read(1, disk, 512);
        Task<GraphChange>? change = null;
        first.WhenDone = () => change = world.Changes.RemoveAsync("delay0");
        held.CompleteOne();
        for (int i = 0; i < 20; i++)
        {
            world.Settle();
            Thread.Yield();
        }

        Assert.False(change!.IsCompleted);
        Assert.Equal("delay/test block", disk.Describe());
        held.CompleteOne();
        Assert.Equal(["delay0"], world.Finish(change).Removed);
        Assert.Equal("test block", disk.Describe());
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_shared_block_is_replaced_for_all_who_lead_to_it_and_its_id_stays()
    {
        using var world = new DrainWorld();
        world.Nodes.Add("disk", "memory:1M");
        BlockGraph one = world.Export("one", "stats/@disk");
        BlockGraph two = world.Export("two", "@disk");
        world.Write(0, one, 0, Wire.Data(1, 512));
        GraphChange change = world.Finish(world.Changes.ReplaceAsync("disk", "delay:read=0s/memory:1M"));
        Assert.Equal(["disk", "memory0"], change.Added);
        Assert.Equal(["disk"], change.Removed);
        world.FinishAny(change.Disposed);
        Assert.Equal("delay:read=0s/memory:1M", two.Describe());
        Assert.Equal(new byte[512], world.Read(1, one, 0).Data);
        world.Write(2, two, 0, Wire.Data(2, 512));
        Assert.Equal(Wire.Data(2, 512), world.Read(1, one, 0).Data);
        Assert.True(world.Nodes.Get("disk").IsKept);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_whole_chain_gets_another_parent_and_only_what_led_there_waits()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        world.Nodes.Add("new", "delay/memory:1M");
        BlockGraph one = world.Export("one", BlockWorld.Filter("stats", "", held));
        BlockGraph two = world.Export("two", "stats/@new");
        world.Read(0, one, 0);
        Task<GraphChange> change = world.Changes.ReparentAsync("export:one", "@new");
        world.Settle();
        Assert.True(world.Read(1, two, 0).IsDone);
        held.CompleteAll();
        GraphChange done = world.Finish(change);
        Assert.Equal(["stats0", "test0"], done.Removed);
        Assert.Empty(done.Added);
        world.Finish(world.Changes.ReparentAsync("stats1", "delay/@memory0"));
        Assert.Equal("stats/delay/memory:1M", two.Describe());
        Assert.Equal(["new", "memory0", "stats1", "delay0"], world.Nodes.All.Select(node => node.Id));
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_node_that_is_held_stays_held_for_those_who_come_to_lead_to_it()
    {
        using var world = new DrainWorld();
        world.Nodes.Add("disk", "memory:1M");
        BlockGraph one = world.Export("one", "memory:1M");
        world.Export("two", "@disk");
        DrainSection section = world.Drains.Begin(world.Nodes.Get("disk"));
        world.Finish(world.Changes.ReparentAsync("export:one", "delay/@disk"));
        world.Settle();
        DrainWorld.Answer waiting = world.Read(0, one, 0);
        Assert.False(waiting.IsDone);
        section.End();
        world.Settle();
        Assert.True(waiting.IsDone);
        world.AssertNothingLeft();
    }

    [Theory]
    [InlineData("replace", "memory0", "memory:2M", "replace memory0: 'memory:2M' has 2097152 bytes, and what offset0 leads to has 1048576; the size must stay")]
    [InlineData("replace", "memory0", "readonly/memory:1M", "replace memory0: it would be read-only, and clients of export 'disk' may write")]
    [InlineData("replace", "memory0", "file:/nonexistent/disk", "there is no file '/nonexistent/disk'; make one, for example with 'truncate -s 1G /nonexistent/disk'")]
    [InlineData("replace", "memory0", "pattern:1M", "replace memory0: clients of export 'disk' were promised SendTrim, SendWriteZeroes, SendCache, SendFastZero, which it would not have")]
    [InlineData("replace", "offset0", "@disk", "there is no node 'disk'; there are offset0, memory0")]
    [InlineData("insert", "memory0", "memory:1M", "insert: 'memory:1M' is not filters alone; write for example delay:read=1ms, or use replace for a chain with a store")]
    [InlineData("insert", "memory0", "offset:offset=512", "insert before memory0: 'offset:offset=512/memory:1M' has 1048064 bytes, and what offset0 leads to has 1048576; the size must stay")]
    [InlineData("insert", "memory0", "delay:raed=1ms", "'delay': unknown parameter 'raed': did you mean 'read'?; its parameters are read, write, flush, trim, zero, cache, status")]
    [InlineData("remove", "memory0", "", "remove memory0: it is a store, and offset0 leads to it; use replace")]
    [InlineData("remove", "offset0", "", "remove offset0: 'memory:1M' has 1048576 bytes, and what export 'disk' leads to has 524288; the size must stay")]
    [InlineData("reparent", "offset0", "delay/@offset0", "reparent offset0: 'delay/offset:offset=512k/memory:1M' has 524288 bytes, and what offset0 leads to has 1048576; the size must stay")]
    [InlineData("reparent", "memory0", "memory:1M", "'memory0' is a store, which leads nowhere")]
    [InlineData("reparent", "export:dusk", "memory:1M", "there is no export 'dusk'; there are 'disk'")]
    public void What_breaks_a_promise_is_refused_in_one_line_and_nothing_changes(string verb, string id, string chain, string line)
    {
        using var folder = new TempDir();
        using (FileStream file = File.Create(folder.File("disk")))
        {
            file.SetLength(1 << 20);
        }

        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "offset:offset=512k/memory:1M");
        world.Write(0, disk, 0, Wire.Data(1, 512));
        Assert.Equal(line, world.Refusal(Change(world, verb, id, chain.Replace("FILE", folder.File("disk"), StringComparison.Ordinal))));
        Assert.Equal("offset:offset=512k/memory:1M", disk.Describe());
        Assert.Equal(["offset0", "memory0"], world.Nodes.All.Select(node => node.Id));
        Assert.Equal(Wire.Data(1, 512), world.Read(1, disk, 0).Data);
        Assert.All(world.Nodes.All, node => Assert.Single(node.Parents));
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_circle_and_too_long_a_chain_are_refused()
    {
        using var world = new DrainWorld();
        world.Export("disk", "stats/delay/memory:1M");
        Assert.Equal("reparent delay0: 'stats/delay/memory:1M' leads back to delay0, a circle", world.Refusal(world.Changes.ReparentAsync("delay0", "@stats0")));
        string many = string.Join('/', Enumerable.Repeat("stats", BlockChain.MaxFilters - 1));
        Assert.Equal("insert before memory0: a chain has at most 64 filters", world.Refusal(world.Changes.InsertAsync("memory0", many)));
        world.AssertNothingLeft();
    }

    [Fact]
    public void Block_sizes_may_not_become_tighter()
    {
        using var world = new DrainWorld();
        world.Export("tight", new TightBlock());
        world.Export("one", new HeldBlock());
        world.Export("two", BlockWorld.Filter("delay", "", new HeldBlock()));
        Assert.Equal(
            "reparent export:one: its block sizes (512 to 33554432) would be tighter than clients of export 'one' were told (1 to 33554432)",
            world.Refusal(world.Changes.ReparentAsync("export:one", "@test0")));
        Assert.Equal(
            "reparent delay0: the block sizes of 'test block' are tighter than those that delay0 was made for",
            world.Refusal(world.Changes.ReparentAsync("delay0", "@test0")));
        Assert.Equal(["test0"], world.Finish(world.Changes.ReparentAsync("export:tight", "@test1")).Removed);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_change_of_a_block_that_never_answers_ends_at_its_deadline_and_changes_nothing()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("delay", "", held));
        world.Read(0, disk, 512);
        Task<GraphChange> change = world.Changes.ReplaceAsync("test0", "null:1M", SecondNs);
        while (world.Drains.Sections.Count == 0)
        {
            Thread.Yield();
        }

        world.Settle();
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(
            "replace test0: delay0 was not quiet within 1s; nothing has changed, and requests go on; "
            + "not completed: READ of 512 bytes at 512 on delay/test block, handed to 'test0'",
            world.Refusal(change));
        Assert.Equal("delay/test block", disk.Describe());
        held.CompleteAll();
        world.AssertNothingLeft();
    }

    [Fact]
    public void Changes_are_done_in_the_order_in_which_they_were_asked_for()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", held);
        world.Read(0, disk, 0);
        Task<GraphChange>[] changes =
        [
            world.Changes.InsertAsync("test0", "delay", "a"),
            world.Changes.InsertAsync("a", "stats", "b"),
            world.Changes.InsertAsync("a", "error:rate=0", "c"),
            world.Changes.RemoveAsync("a"),
        ];
        held.CompleteAll();
        Array.ForEach(changes, change => world.Finish(change));
        Assert.Equal("stats/error:rate=0/test block", disk.Describe());
        Assert.Equal(["test0", "b", "c"], world.Nodes.All.Select(node => node.Id));
        world.AssertNothingLeft();
    }

    [Fact]
    public void Memory_that_a_reply_points_into_lives_until_the_reply_has_been_sent()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "memory:1M");
        world.Write(0, disk, 0, Wire.Data(1, 4096));
        world.KeepsAnswers = true;
        BlockRequest sending = world.Read(1, disk, 0, 4096).Request;
        GraphChange change = world.Finish(world.Changes.ReplaceAsync("memory0", "memory:1M"));
        world.Settle();
        BlockRequest later = world.Read(1, disk, 0, 4096).Request;
        for (int i = 0; i < 20; i++)
        {
            world.Settle();
            Thread.Yield();
        }

        Assert.False(change.Disposed.IsCompleted);
        Assert.Equal(Wire.Data(1, 4096), sending.Extents[0].Data.Span);
        sending.Release();
        world.FinishAny(change.Disposed);
        Assert.Equal(new byte[4096], later.Extents[0].Data.Span);
        later.Release();
        world.AssertNothingLeft();
    }

    /// <summary>A part of an answer, taken from the block before it was replaced, goes up by two filters while the next part is still on its way.</summary>
    [Fact]
    public void Memory_that_a_part_of_an_answer_points_into_lives_until_the_whole_has_been_sent()
    {
        using var memory = new NativeBuffer(512, clear: true);
        var old = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("blocksize", "maximum=1k", BlockWorld.Filter("blocksize", "maximum=512", old)));
        world.KeepsAnswers = true;
        DrainWorld.Answer answer = world.Read(1, disk, 0, 2048);
        DrainSection section = world.Drains.Begin(world.Nodes.Get("test0"));
        world.Settle();
        BlockRequest part = old.Held[0];
        old.Held.Clear();
        part.AddData(memory.Whole, lease: null);
        part.Complete(0);
        world.Settle();
        Assert.True(section.IsQuiet);
        GraphChange change = world.Finish(world.Changes.ReplaceAsync("test0", "memory:1M"));
        section.End();
        world.Settle();
        Assert.True(answer.IsDone);

        // Another thread would do it, soon.
        Assert.False(change.Disposed.Wait(100), "the block is disposed of, and an answer still points into it");
        answer.Request.Release();
        world.FinishAny(change.Disposed);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_write_with_FUA_is_flushed_where_the_block_that_it_came_to_needs_that()
    {
        // A store that honours FUA itself, and one that needs a flush after.
        var native = new FuaBlock();
        var flushed = new HeldBlock();
        using var world = new DrainWorld();
        world.Export("spare", flushed);
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("delay", "", native));
        world.Write(0, disk, 0, [1], NbdCommandFlags.Fua);
        native.CompleteOne();
        DrainSection section = world.Drains.Begin(world.Nodes.Get("test1"));
        world.Settle();
        DrainWorld.Answer write = world.Write(0, disk, 0, [2], NbdCommandFlags.Fua);
        world.Finish(world.Changes.ReparentAsync("delay0", "@test0"));
        section.End();
        world.Settle();
        flushed.CompleteOne();
        Assert.False(write.IsDone);
        flushed.CompleteOne();
        Assert.True(write.IsDone);
        Assert.Equal([NbdCommand.Write], native.Commands);
        Assert.Equal([NbdCommand.Write, NbdCommand.Flush], flushed.Commands);
        world.AssertNothingLeft();
    }

    private static Task<GraphChange> Change(DrainWorld world, string verb, string id, string chain) => verb switch
    {
        "insert" => world.Changes.InsertAsync(id, chain),
        "remove" => world.Changes.RemoveAsync(id),
        "replace" => world.Changes.ReplaceAsync(id, chain),
        _ => world.Changes.ReparentAsync(id, chain),
    };

    private sealed class TightBlock : HeldBlock
    {
        public override BlockSizeConstraints Constraints => base.Constraints with { Minimum = 512 };
    }

    private sealed class FuaBlock : HeldBlock
    {
        public override BlockCapabilities Capabilities => base.Capabilities | BlockCapabilities.Fua;
    }
}
