using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Drained sections: what waits, what goes on, when it is quiet, and what is said where it does not become so.</summary>
public class DrainTests
{
    private static readonly DrainOptions s_second = new() { DeadlineNs = 1_000_000_000 };

    [Fact]
    public void It_is_quiet_when_the_last_request_of_every_loop_has_ended_and_others_wait_in_their_order()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", held);
        DrainWorld.Answer[] inside = [.. Enumerable.Range(0, 3).Select(loop => world.Read(loop, disk, loop * 512))];
        DrainSection section = world.Drains.Begin(world.Nodes.Get("test0"));
        world.Settle();
        DrainWorld.Answer[] waiting = [.. Enumerable.Range(0, 9).Select(i => world.Read(i % 3, disk, 4096 + (i * 512)))];
        Assert.Equal(3, held.Held.Count);
        held.CompleteOne();
        held.CompleteOne();
        world.Settle();
        Assert.False(section.IsQuiet);
        held.CompleteOne();
        Assert.True(inside[2].IsDone);

        // Whoever completes the last request is through with it before anyone hears that it was the last.
        Assert.False(section.IsQuiet);
        world.Settle();
        Assert.True(section.IsQuiet);
        Assert.True(section.Done.Result.IsQuiet);
        Assert.Empty(held.Held);
        Assert.Contains("waits: 'test0' is held by a drain", world.Loop(0).DescribeUnfinished().First(), StringComparison.Ordinal);
        section.End();
        section.End();
        world.Settle();
        int[] order = [0, 3, 6, 1, 4, 7, 2, 5, 8];
        Assert.Equal(order.Select(i => (ulong)(4096 + (i * 512))), held.Held.Select(request => request.Offset));
        held.CompleteAll();
        Assert.All(waiting, answer => Assert.Equal(0, answer.Error));
        world.AssertNothingLeft();
    }

    [Fact]
    public void Sections_on_one_node_nest_and_each_is_told_when_it_is_quiet()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", held);
        world.Read(1, disk, 0);
        List<string> told = [];
        DrainSection first = world.Drains.Begin(disk, new DrainOptions { WhenDone = (_, outcome) => told.Add($"first {outcome.IsQuiet}") });
        BlockNode node = world.Nodes.Get("test0");
        DrainSection second = world.Drains.Begin(node, new DrainOptions { WhenDone = (_, outcome) => told.Add($"second {outcome.IsQuiet}") });
        DrainSection third = world.Drains.BeginAll();
        world.Settle();
        Assert.Equal(3, world.Drains.Sections.Count);
        held.CompleteAll();
        world.Settle();
        Assert.Equal(["first True", "second True"], told.Order());
        Assert.True(third.IsQuiet);
        world.Read(0, disk, 512);
        foreach (DrainSection section in (DrainSection[])[second, third, first])
        {
            Assert.Empty(held.Held);
            section.End();
            world.Settle();
        }

        Assert.Single(held.Held);
        held.CompleteAll();
        world.AssertNothingLeft();
    }

    [Fact]
    public void It_may_begin_inside_the_completion_of_a_request_that_it_drains_and_end_in_another_thread()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("stats", "", held));
        DrainSection? section = null;
        DrainWorld.Answer first = world.Read(0, disk, 0);
        world.Read(0, disk, 512);
        first.WhenDone = () => section = world.Drains.Begin(world.Nodes.Get("stats0"));
        held.CompleteOne();
        world.Settle();
        Assert.True(first.IsDone);
        Assert.False(section!.IsQuiet);
        held.CompleteOne();
        world.Settle();
        Assert.True(section.IsQuiet);
        DrainWorld.Answer late = world.Read(0, disk, 0);
        var thread = new Thread(section.End);
        thread.Start();
        thread.Join();
        world.Settle();
        held.CompleteAll();
        Assert.True(late.IsDone);
        world.AssertNothingLeft();
    }

    [Fact]
    public void It_may_begin_and_end_in_any_thread_while_requests_are_completed_in_others()
    {
        int rounds = TestScale.Pick(200, 5000);
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "stats/delay:read=10us/null:1M");
        var thread = new Thread(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                DrainSection section = world.Drains.Begin(world.Nodes.Get(i % 2 == 0 ? "delay0" : "null0"));
                Assert.True(i % 3 == 0 || section.Done.Result.IsQuiet);
                section.End();
            }
        });
        thread.Start();
        List<DrainWorld.Answer> answers = [];
        while (thread.IsAlive)
        {
            answers.AddRange(Enumerable.Range(0, answers.Count(answer => !answer.IsDone) < 100 ? 3 : 0).Select(loop => world.Read(loop, disk, 0)));
            answers.RemoveAll(answer => answer.IsDone);
            world.Advance(TimeSpan.FromMicroseconds(1));
        }

        world.Advance(TimeSpan.FromMilliseconds(1));
        Assert.All(answers, answer => Assert.True(answer.IsDone));
        world.AssertNothingLeft();
    }

    [Fact]
    public void Other_exports_of_a_shared_block_go_on_and_the_block_itself_can_be_held_for_all()
    {
        using var world = new DrainWorld();
        world.Nodes.Add("disk", "memory:1M");
        BlockGraph one = world.Export("one", "stats/@disk");
        BlockGraph two = world.Export("two", "@disk");
        DrainSection section = world.Drains.Begin(one);
        world.Settle();
        DrainWorld.Answer waiting = world.Write(0, one, 0, Wire.Data(1, 512));
        Assert.True(world.Write(0, two, 512, Wire.Data(2, 512)).IsDone);
        Assert.False(waiting.IsDone);
        section.End();
        world.Settle();
        Assert.True(waiting.IsDone);
        Assert.Equal(Wire.Data(1, 512), world.Read(1, two, 0).Data);
        section = world.Drains.Begin(world.Nodes.Get("disk"));
        world.Settle();
        DrainWorld.Answer[] both = [world.Read(0, one, 512), world.Read(0, two, 512)];
        Assert.DoesNotContain(both, answer => answer.IsDone);
        section.End();
        world.Settle();
        Assert.All(both, answer => Assert.Equal(Wire.Data(2, 512), answer.Data));
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_drain_waits_for_what_waits_at_another_one_behind_it_and_says_so()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "stats/memory:1M");
        DrainSection inner = world.Drains.Begin(world.Nodes.Get("memory0"), new DrainOptions { Reason = "backup" });
        world.Settle();
        DrainWorld.Answer waiting = world.Read(2, disk, 0);
        world.Advance(TimeSpan.FromMilliseconds(3));
        DrainSection outer = world.Drains.Begin(world.Nodes.Get("stats0"));
        world.Settle();
        Assert.False(outer.IsQuiet);
        Assert.Equal("memory0 is held by 'backup' since 3ms; requests that wait there are waited for", Assert.Single(outer.HeldBehind()));
        Assert.Empty(inner.HeldBehind());
        IReadOnlyDictionary<IBlock, NodeLoad> loads = world.Finish(world.Drains.CountAsync());
        Assert.Equal(new NodeLoad(1, 0), loads[world.Nodes.Get("stats0").Block]);
        Assert.Equal(new NodeLoad(0, 1), loads[world.Nodes.Get("memory0").Block]);
        inner.End();
        world.Settle();
        Assert.True(waiting.IsDone);
        Assert.True(outer.IsQuiet);
        outer.End();
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_block_that_never_answers_is_named_at_the_deadline_and_everything_goes_on()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("stats", "", BlockWorld.Filter("offset", "offset=4k", held)));
        BlockGraph other = world.Export("other", "memory:1M");
        world.Read(0, disk, 0);
        world.Read(1, disk, 512);
        DrainSection section = world.Drains.BeginAll(s_second);
        world.Settle();
        DrainWorld.Answer waiting = world.Read(2, other, 0);
        DrainWorld.Answer late = world.Read(0, disk, 1024);
        world.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(section.Done.IsCompleted);
        Assert.False(waiting.IsDone);
        world.Advance(TimeSpan.FromMilliseconds(1));
        DrainOutcome outcome = section.Done.Result;
        Assert.False(outcome.IsQuiet);
        Assert.Equal(
            [
                "all was not quiet within 1s; nothing has changed, and requests go on",
                "not completed: READ of 512 bytes at 4096 on stats/offset:offset=4k/test block, handed to 'test0'",
                "not completed: READ of 512 bytes at 4608 on stats/offset:offset=4k/test block, handed to 'test0'",
            ],
            outcome.Report);
        Assert.Equal(1_000_000_000, outcome.TookNs);
        Assert.True(waiting.IsDone);
        Assert.Equal(3, held.Held.Count);
        held.CompleteAll();
        Assert.True(late.IsDone);
        section.End();
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_request_that_a_filter_has_lost_is_found_and_named()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", BlockWorld.Filter("delay", "", new ActingBlock(_ => { })));
        world.Start(1, disk, NbdCommand.Flush, 0, 0);
        DrainSection section = world.Drains.Begin(disk, s_second);
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("not completed: FLUSH of 0 bytes at 0 on delay/test block, handed to 'test0'", section.Done.Result.Report[^1]);
    }

    [Fact]
    public void One_that_is_ended_before_it_is_quiet_leaves_nothing_behind()
    {
        var held = new HeldBlock();
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", held);
        world.Read(0, disk, 0);
        DrainSection section = world.Drains.Begin(disk, s_second);
        section.End();
        Assert.Equal("the drain of export 'disk' was ended before it was quiet", Assert.Single(section.Done.Result.Report));
        world.Advance(TimeSpan.FromSeconds(2));
        held.CompleteAll();
        world.AssertNothingLeft();
    }

    [Fact]
    public void What_a_filter_makes_of_a_request_goes_on_inside_and_what_waits_for_its_time_does_too()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "blocksize:minimum=4k,maximum=4k/delay:read=1ms,write=1ms/memory:1M");
        DrainWorld.Answer write = world.Write(0, disk, 100, Wire.Data(5, 20_000));
        DrainSection section = world.Drains.Begin(world.Nodes.Get("blocksize0"));
        world.Settle();
        Assert.False(section.IsQuiet);
        for (int i = 0; i < 20 && !write.IsDone; i++)
        {
            world.Advance(TimeSpan.FromMilliseconds(1));
        }

        world.Settle();
        Assert.True(write.IsDone);
        Assert.True(section.IsQuiet);
        section.End();
        world.AssertNothingLeft();
    }

    [Fact]
    public void A_throttle_stands_still_while_what_is_behind_it_is_held_and_then_keeps_its_pace()
    {
        using var world = new DrainWorld(loops: 1);
        BlockGraph disk = world.Export("disk", "throttle:requests=1000,burst=0s/memory:1M");
        DrainWorld.Answer[] answers = [.. Enumerable.Range(0, 5).Select(_ => world.Read(0, disk, 0))];
        Assert.Equal(1, Done());
        DrainSection section = world.Drains.Begin(world.Nodes.Get("memory0"));
        world.Advance(TimeSpan.FromMilliseconds(1));
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Done());
        Assert.True(section.IsQuiet);
        section.End();
        world.Settle();
        Assert.Equal(2, Done());
        for (int more = 3; more <= 5; more++)
        {
            world.Advance(TimeSpan.FromMilliseconds(1));
            Assert.Equal(more, Done());
        }

        world.AssertNothingLeft();

        int Done() => answers.Count(answer => answer.IsDone);
    }

    [Fact]
    public void A_delay_stands_still_while_what_is_behind_it_is_held_and_then_lets_go_what_is_due()
    {
        using var world = new DrainWorld();
        BlockGraph disk = world.Export("disk", "delay:read=1ms/memory:1M");
        DrainWorld.Answer[] answers = [.. Enumerable.Range(0, 6).Select(i => world.Read(i % 3, disk, 0))];
        DrainSection section = world.Drains.Begin(world.Nodes.Get("memory0"));
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.DoesNotContain(answers, answer => answer.IsDone);
        section.End();
        world.Settle();
        Assert.All(answers, answer => Assert.True(answer.IsDone));
        world.AssertNothingLeft();
    }

    [Fact]
    public void While_nobody_drains_no_request_allocates_and_afterwards_none_does_again()
    {
        using var world = new DrainWorld(loops: 1);
        BlockGraph disk = world.Export("disk", "delay/memory:1M");
        var owner = new Dropping();
        Run();
        DrainSection section = world.Drains.BeginAll();
        world.Settle();
        section.End();
        world.Settle();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        world.AssertNothingLeft();

        void Run()
        {
            for (int i = 0; i < 1000; i++)
            {
                BlockRequest request = world.Loop(0).Rent(owner);
                (request.Command, request.Flags, request.Offset, request.Length) = (NbdCommand.Read, 0, 0, 512);
                disk.Start(request);
            }
        }
    }

    private sealed class Dropping : IBlockRequestOwner
    {
        public void OnRequestCompleted(BlockRequest request) => request.Release();
    }
}
