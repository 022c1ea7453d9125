using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The end of the service.</summary>
public class ServerDrainTests
{
    [Fact]
    public void ADrainAnswersWhatIsInFlightAndCloses()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Enter();
        SimulatedTransport negotiating = world.Connect();
        client.Write([.. Wire.Write(1, 0, [1, 2, 3]), .. Wire.Write(2, 0, Wire.Data(1, 900))[..500]]);
        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        Assert.True(negotiating.IsClosed);
        Assert.False(drain.IsCompleted);
        block.CompleteAll();
        world.Settle();
        Assert.Equal(Wire.Reply(1), client.Sent);
        world.AssertNothingLeft("after the drain");
        Assert.True(drain.IsCompletedSuccessfully && drain.Result);
        Assert.Empty(world.Log);
    }

    [Fact]
    public void ADrainEndsAtItsDeadlineWithAClientThatDoesNotRead()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport client = world.Enter();
        client.AllowSending(0);
        client.Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        Assert.False(drain.IsCompleted);
        world.Advance(TimeSpan.FromSeconds(5));
        world.AssertNothingLeft("after the deadline");
        Assert.True(drain.IsCompletedSuccessfully && !drain.Result);
        Assert.Single(world.Log);
    }

    [Fact]
    public void ADrainEndsEvenWithABlockThatNeverCompletes()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Enter();
        client.Write([.. Wire.Read(1, 0, 1000), .. Wire.Write(2, 0, [1])]);
        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        Assert.Empty(client.Sent);
        world.Advance(TimeSpan.FromSeconds(5));

        // The block has them still, and may complete them yet; their client knows that they were not done.
        Assert.Equal([.. Wire.Reply(1, 108), .. Wire.Reply(2, 108)], client.Sent);
        Assert.True(client.IsClosed);
        Assert.False(drain.IsCompleted);
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.True(drain.IsCompletedSuccessfully && !drain.Result);
        Assert.Equal(
            [
                "client 1: 2 requests in flight are answered with ESHUTDOWN: the drain took longer than 5 s",
                "2 requests were never completed by their block",
                "never completed: READ of 1000 bytes at 0 on test block",
                "never completed: WRITE of 1 bytes at 0 on test block",
            ],
            world.Log);
        block.CompleteAll();
        world.Settle();
        world.AssertNothingLeft("after all");
    }

    [Fact]
    public void What_waits_for_the_end_of_a_drained_section_is_answered_too()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport client = world.Enter();
        DrainSection section = world.Server.Drains.BeginAll();
        client.Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(Wire.Reply(1, 108), client.Sent);
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.True(drain.IsCompletedSuccessfully && !drain.Result);
        Assert.Equal("never completed: READ of 1000 bytes at 0 on memory:1M, waits: 'memory0' is held by a drain", world.Log[^1]);
        section.End();
        world.Settle();
        world.AssertNothingLeft("after all");
    }

    [Fact]
    public void A_client_that_takes_no_answers_is_cut_off_a_second_later()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Enter();
        client.AllowSending(0);
        client.Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(5));
        Assert.False(client.IsClosed);
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.True(client.IsClosed);
        Assert.True(drain.IsCompletedSuccessfully && !drain.Result);
        Assert.Contains("client 1: closed with 1 answers that the client did not take", world.Log);
        block.CompleteAll();
        world.Settle();
        world.AssertNothingLeft("after all");
    }

    [Fact]
    public void WhileDrainingNobodyIsLetIn()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        _ = world.Server.DrainAsync();
        SimulatedTransport late = world.Connect();
        world.Settle();
        Assert.True(late.IsClosed);
    }
}
