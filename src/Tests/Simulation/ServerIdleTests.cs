using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What a connection holds while nothing comes.</summary>
public class ServerIdleTests
{
    private const int Many = IdleSweep.Tolerated + 6;

    private static readonly TimeSpan s_period = TimeSpan.FromTicks(IdleSweep.PeriodNs / 100);

    [Fact]
    public void AConnectionThatHasAskedForNothingYetHoldsNoMemory()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport silent = world.Connect();
        SimulatedTransport client = world.Enter();
        world.Settle();
        Assert.Equal(0, world.ServerLoop.ChunksInUse);
        Assert.True(silent.IsWaitingWithoutMemory);
        Assert.True(client.IsWaitingWithoutMemory);
        client.Write(Wire.Read(1, 0, 16));
        world.Settle();
        Assert.Equal(32, client.Sent.Length);
        Assert.Equal(1, world.ServerLoop.ChunksInUse);
    }

    [Fact]
    public void WhereManyHoldMemoryThoseWhoAreIdleGiveItBackAndWorkAgain()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport[] clients = Enter(world, Many);
        ReadOnce(world, clients, cookie: 1);
        Assert.Equal(Many, world.ServerLoop.ChunksInUse);
        world.Advance(s_period);
        Assert.Equal(Many, world.ServerLoop.ChunksInUse);
        world.Advance(s_period);
        Assert.Equal(0, world.ServerLoop.ChunksInUse);
        Assert.All(clients, client => Assert.True(client.IsWaitingWithoutMemory));
        ReadOnce(world, clients, cookie: 2);
        Assert.Equal(Many, world.ServerLoop.ChunksInUse);
    }

    [Fact]
    public void WhereFewHoldMemoryNoTimerRuns()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport[] clients = Enter(world, IdleSweep.Tolerated);
        ReadOnce(world, clients, cookie: 1);
        world.Advance(s_period * 10);
        Assert.Equal(IdleSweep.Tolerated, world.ServerLoop.ChunksInUse);
    }

    [Theory]
    [InlineData(1000, 500)]
    [InlineData(1000, 1028)]
    [InlineData(100_000, 1000)]
    public void WhoeverHasSomethingHalfReceivedOrInFlightInItsMemoryKeepsIt(int length, int sentFirst)
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport[] clients = Enter(world, Many);
        byte[] data = Wire.Data(1, length);
        byte[] write = Wire.Write(1, 0, data);
        Array.ForEach(clients, client => client.Write(write.AsSpan(0, sentFirst)));
        for (int i = 0; i < 4; i++)
        {
            world.Advance(s_period);
        }

        Assert.Equal(Many, world.ServerLoop.ChunksInUse);
        Array.ForEach(clients, client => client.Write(write.AsSpan(sentFirst)));
        world.Settle();
        Assert.Equal(Many, block.Held.Count);
        Assert.All(block.Held, request => Assert.True(request.Payload.Span.SequenceEqual(data)));
        block.CompleteAll();
        world.Settle();
        Assert.All(clients, client => Assert.Equal(Wire.Reply(1), client.Sent));
        world.Advance(s_period);
        world.Advance(s_period);
        Assert.Equal(0, world.ServerLoop.ChunksInUse);
    }

    [Fact]
    public void WhoeverIsBusyKeepsItsMemory()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport[] clients = Enter(world, Many);
        for (int i = 0; i < 6; i++)
        {
            ReadOnce(world, clients, cookie: (ulong)i);
            world.Advance(s_period);
            Assert.Equal(Many, world.ServerLoop.ChunksInUse);
        }
    }

    [Fact]
    public void BytesThatComeJustWhenTheMemoryIsToBeGivenBackAreServed()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport[] clients = Enter(world, Many);
        ReadOnce(world, clients, cookie: 1);
        world.Advance(s_period);

        // They are received, and their handlers have not run yet, when the sweep comes.
        foreach (SimulatedTransport client in clients)
        {
            client.Forget();
            client.Write(Wire.Read(2, 0, 16));
        }

        world.Advance(s_period);
        Assert.All(clients, client => Assert.Equal(Wire.Reply(2, 0, new byte[16]), client.Sent));
        Assert.Equal(Many, world.ServerLoop.ChunksInUse);
        world.Advance(s_period);
        world.Advance(s_period);
        Assert.Equal(0, world.ServerLoop.ChunksInUse);
    }

    [Fact]
    public void ClientsThatLeaveWhileIdleLeaveNothingBehind()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20));
        SimulatedTransport[] clients = Enter(world, Many);
        ReadOnce(world, clients, cookie: 1);
        for (int i = 0; i < 4; i++)
        {
            clients[i].HangUp();
            clients[i + 4].Reset();
            clients[i + 8].Write(Wire.Disconnect());
            world.Advance(s_period);
        }

        Assert.Equal(Many - 12, world.ServerLoop.Connections);
        Assert.Equal(0, world.ServerLoop.ChunksInUse);
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        world.AssertNothingLeft("after the drain");
        Assert.True(drain.IsCompletedSuccessfully && drain.Result);
    }

    private static SimulatedTransport[] Enter(SimulatedServer world, int count) => [.. Enumerable.Range(0, count).Select(_ => world.Enter())];

    private static void ReadOnce(SimulatedServer world, SimulatedTransport[] clients, ulong cookie)
    {
        foreach (SimulatedTransport client in clients)
        {
            client.Forget();
            client.Write(Wire.Read(cookie, 0, 16));
        }

        world.Settle();
        Assert.All(clients, client => Assert.Equal(Wire.Reply(cookie, 0, new byte[16]), client.Sent));
    }
}
