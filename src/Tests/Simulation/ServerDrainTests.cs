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
        world.Enter().Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        world.Advance(TimeSpan.FromSeconds(5));
        Assert.False(drain.IsCompleted);
        world.Advance(TimeSpan.FromSeconds(1));
        Assert.True(drain.IsCompletedSuccessfully && !drain.Result);
        Assert.Equal("1 requests were never completed by their block", world.Log[^2]);
        Assert.Equal("never completed: READ of 1000 bytes at 0 on test block", world.Log[^1]);
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
