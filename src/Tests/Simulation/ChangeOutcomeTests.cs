using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What is told of a change of the graph, and what becomes of one that cannot be done now.</summary>
public class ChangeOutcomeTests
{
    [Fact]
    public void What_a_filter_has_counted_is_told_when_it_goes()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "stats:name=outside/stats:name=inside/memory:1M");
        world.Write(0, disk, 0, Wire.Data(1, 512));
        world.Write(1, disk, 512, Wire.Data(1, 512));
        world.Finish(world.Changes.RemoveAsync("stats0"));
        Assert.StartsWith("stats outside: WRITE 2 requests, 1024 bytes, 0 errors; p50 ", Assert.Single(world.Log), StringComparison.Ordinal);
        world.Refusal(world.Changes.ReplaceAsync("stats1", "readonly/@memory0"));
        Assert.Single(world.Log);
        world.Finish(world.Changes.ReparentAsync("export:disk", "@memory0"));
        Assert.StartsWith("stats inside: WRITE 2 requests", world.Log[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_change_above_a_node_that_somebody_holds_is_refused_at_once_where_requests_wait_in_between()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "stats/delay:write=1s/stats/memory:1M");
        DrainSection section = world.Drains.Begin(world.Nodes.Get("memory0"), new DrainOptions { Reason = "someone" });
        world.Settle();

        // With nothing in between it is done.
        world.Finish(world.Changes.InsertAsync("stats0", "stats", deadlineNs: -1));
        DrainWorld.Answer read = world.Read(0, disk, 0);
        const string Line = "remove stats0: memory0 is held by 'someone' since 0ns, and requests that came by stats2 wait there, so nothing was changed; resume that first";
        Assert.Equal(Line, world.Refusal(world.Changes.RemoveAsync("stats0", deadlineNs: -1)));
        section.End();
        world.Settle();
        Assert.True(read.IsDone);

        // A request that comes to the held edge later is noticed then.
        DrainWorld.Answer write = world.Write(1, disk, 0, Wire.Data(1, 512));
        section = world.Drains.Begin(world.Nodes.Get("memory0"), new DrainOptions { Reason = "someone" });
        world.Settle();
        Task<GraphChange> late = world.Changes.RemoveAsync("stats0", deadlineNs: -1);
        world.RunUntil(() => world.Drains.Sections.Count > 1);
        world.Settle();
        Assert.False(late.IsCompleted);
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Line.Replace("0ns", "1s", StringComparison.Ordinal), world.Refusal(late));
        section.End();
        world.Settle();
        Assert.True(write.IsDone);
        Assert.Equal(["stats0"], world.Finish(world.Changes.RemoveAsync("stats0")).Removed);
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_copy_that_cannot_take_the_place_of_its_node_is_kept_up_to_date_and_may_try_again()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "delay:flush=10s/memory:1M");
        world.Write(0, disk, 4096, Wire.Data(1, 512));
        BlockCopy copy = world.Finish(BlockCopy.StartAsync(world.Nodes, world.Drains, world.Changes, world.Loop(0), "delay0", "memory:1M", "new"));

        // Its own flush, which is its last request, ends within another second; a client's does not.
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(9));
        DrainWorld.Answer flush = world.Start(1, disk, NbdCommand.Flush, 0, 0);
        world.Advance(TimeSpan.FromSeconds(1));
        world.RunUntil(() => world.Drains.Sections.Count > 0);
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(5));
        string line = world.Refusal(copy.Done);
        Assert.StartsWith("copy of delay0: all is copied, but new could not take its place: replace copy0: ", line, StringComparison.Ordinal);
        Assert.Contains(" was not quiet within 5s; ", line, StringComparison.Ordinal);
        Assert.EndsWith("; delay0 serves on, and changes go to both: try again with 'copy delay0 @new', or give up with 'remove copy0'", line, StringComparison.Ordinal);
        Assert.True(copy.IsReady);
        Assert.Equal("copy:to=new/delay:flush=10s/memory:1M", disk.Describe());
        world.Write(2, disk, 8192, Wire.Data(2, 512));
        world.Advance(TimeSpan.FromSeconds(4));
        Assert.True(flush.IsDone);
        GraphChange change = world.Finish(copy.SwitchAsync());
        Assert.Equal(["copy0", "delay0", "memory0"], change.Removed.Order());
        Assert.Equal("memory:1M", disk.Describe());
        Assert.False(copy.IsReady);
        DrainWorld.Answer[] reads = [world.Read(0, disk, 4096), world.Read(0, disk, 8192)];
        world.Settle();
        Assert.Equal(Wire.Data(1, 512), reads[0].Data);
        Assert.Equal(Wire.Data(2, 512), reads[1].Data);
        world.FinishAny(change.Disposed);
        world.AssertNothingLeft();
    }
}
