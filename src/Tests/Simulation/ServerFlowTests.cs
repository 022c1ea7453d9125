using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What is in flight, what waits, and who may let go of what, and when.</summary>
public class ServerFlowTests
{
    [Fact]
    public void AFullWindowStopsReceivingAndGoesOnWhenRepliesHaveLeft()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block, new NbdServerOptions { MaxInFlight = 4 });
        SimulatedTransport client = world.Enter();
        WriteReads(client, 1, 10, length: 0x100);
        world.Settle();
        Assert.Equal(4, block.Held.Count);
        Assert.False(client.IsReceiving);
        block.CompleteOne();
        world.Settle();
        Assert.Equal(4, block.Held.Count);
        while (block.Held.Count > 0)
        {
            block.CompleteAll();
            world.Settle();
        }

        Assert.Equal(10 * (16 + 0x100), client.Sent.Length);
        Assert.True(client.IsReceiving);
    }

    [Fact]
    public void AFullByteBudgetStopsReceivingAndOneLargeRequestGoesThroughAlone()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block, new NbdServerOptions { MaxBytes = 8192 });
        SimulatedTransport client = world.Enter();
        WriteReads(client, 1, 5, length: 4096);
        world.Settle();
        Assert.Equal(2, block.Held.Count);
        block.CompleteAll();
        world.Settle();
        block.CompleteAll();
        world.Settle();
        block.CompleteAll();
        client.Write(Wire.Read(9, 0, 100_000));
        client.Write(Wire.Read(10, 0, 1));
        world.Settle();
        Assert.Equal(100_000ul, Assert.Single(block.Held).Length);
    }

    [Fact]
    public void AClientThatStopsReadingHoldsUpOnlyItself()
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20), new NbdServerOptions { MaxInFlight = 8 });
        SimulatedTransport deaf = world.Enter();
        SimulatedTransport other = world.Enter();
        deaf.AllowSending(0);
        WriteReads(deaf, 1, 1000, length: 4096);
        world.Settle();
        Assert.False(deaf.IsReceiving);
        Assert.Equal(8, world.ServerLoop.Blocks.RequestsInUse);
        WriteReads(other, 1, 20, length: 4096);
        world.Settle();
        Assert.Equal(20 * (16 + 4096), other.Sent.Length);
        deaf.AllowSending(long.MaxValue);
        world.Settle();
        Assert.Equal(1000 * (16 + 4096), deaf.Sent.Length);
    }

    [Fact]
    public void PayloadsStayInPlaceWhileTheBlockHasThem()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block, new NbdServerOptions { ReceiveBytes = 4096, MaxBytes = 64 << 10 });
        SimulatedTransport client = world.Enter(new Cuts(new Random(5), MaxReceive: 900));
        for (int i = 0; i < 40; i++)
        {
            client.Write(Wire.Write((ulong)i, 0, Wire.Data(i, 100 + (i * 61))));
        }

        world.Settle();
        int seen = 0;
        while (block.Held.Count > 0)
        {
            foreach (BlockRequest request in block.Held)
            {
                int i = (int)request.Cookie;
                Assert.Equal(Wire.Data(i, 100 + (i * 61)), request.Payload.Span.ToArray());
            }

            Assert.True(world.ServerLoop.ChunksInUse <= 16, "more chunks than the byte budget allows");
            seen += block.Held.Count;
            block.CompleteAll();
            world.Settle();
        }

        Assert.Equal(40, seen);
        Assert.Equal(1, world.ServerLoop.ChunksInUse);
        Assert.Equal(40, Wire.Replies(client.Sent).Count);
    }

    [Fact]
    public void ALeaseIsReleasedByTheEndOfTheSendAndNotBefore()
    {
        using var memory = new NativeBuffer(1000);
        var lease = new CountedLease(memory);
        using var world = new SimulatedServer(new ActingBlock(request =>
        {
            request.AddData(lease.Memory, lease);
            request.Complete(0);
        }));
        SimulatedTransport client = world.Enter();
        client.AllowSending(1015);
        client.Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Assert.Equal(1015, client.Sent.Length);
        Assert.Equal(0, lease.Releases);
        Assert.Equal(1, world.Graph.InFlightOn(world.ServerLoop.Blocks).Count);
        client.AllowSending(1);
        world.Settle();
        Assert.Equal(1, lease.Releases);
        Assert.Equal(0, world.Graph.InFlightOn(world.ServerLoop.Blocks).Count);
    }

    [Fact]
    public void ALeaseOfAFailedReadIsReleasedToo()
    {
        using var memory = new NativeBuffer(1000);
        var lease = new CountedLease(memory);
        using var world = new SimulatedServer(new ActingBlock(request =>
        {
            request.AddData(lease.Memory, lease);
            request.Complete(5);
        }));
        SimulatedTransport client = world.Enter();
        client.Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Assert.Equal(Wire.Reply(1, 5), client.Sent);
        Assert.Equal(1, lease.Releases);
        Assert.Equal("client 1: READ of 1000 bytes at 0 on test block failed: EIO: Input/output error", Assert.Single(world.Log));
    }

    [Fact]
    public void AnAnswerOfManyExtentsGoesOutInSeveralVectors()
    {
        using var memory = new NativeBuffer(3000);
        Wire.Data(3, 3000).CopyTo(memory.Whole.Span);
        using var world = new SimulatedServer(new ActingBlock(request =>
        {
            for (int i = 0; i < 3000; i++)
            {
                request.AddData(memory.Slice(i, 1), lease: null);
            }

            request.Complete(0);
        }));
        SimulatedTransport client = world.Enter();
        client.Write([.. Wire.Read(1, 0, 3000), .. Wire.Read(2, 0, 3000)]);
        world.Settle();
        Assert.Equal([.. Wire.Reply(1, 0, Wire.Data(3, 3000)), .. Wire.Reply(2, 0, Wire.Data(3, 3000))], client.Sent);
        Assert.Equal(SendVector.MaxRuns, client.MostRuns);
    }

    [Fact]
    public void RepliesOfOneTurnLeaveInOneSendAndTheirHeadersInOneRun()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Enter();
        int before = client.Sends;
        client.Write([.. Enumerable.Range(0, 500).SelectMany(i => Wire.Write((ulong)i, 0, [1, 2]))]);
        world.Settle();
        Assert.Equal(500, Wire.Replies(client.Sent).Count);
        Assert.Equal(1, client.Sends - before);
    }

    [Fact]
    public void AHoleIsSentAsZeroes()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Enter();
        client.Write(Wire.Read(1, 0, 1 << 20));
        world.Settle();
        Assert.Equal(Wire.Reply(1, 0, new byte[1 << 20]), client.Sent);
    }

    [Fact]
    public void AnAnswerOfTheWrongLengthIsAnError()
    {
        using var world = new SimulatedServer(new ActingBlock(request =>
        {
            request.AddHole(request.Length - 1);
            request.Complete(0);
        }));
        SimulatedTransport client = world.Enter();
        client.Write(Wire.Read(1, 0, 1000));
        world.Settle();
        Assert.Equal(Wire.Reply(1, 5), client.Sent);
    }

    [Fact]
    public void DiscFinishesWhatIsInFlightAndThenCloses()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Enter();
        WriteReads(client, 1, 3, length: 10);
        client.Write([.. Wire.Disconnect(), .. Wire.Read(4, 0, 10)]);
        world.Settle();
        Assert.Equal(3, block.Held.Count);
        Assert.False(client.IsClosed);
        block.CompleteAll();
        world.Settle();
        Assert.Equal(3 * 26, client.Sent.Length);
        world.AssertNothingLeft("after the DISC");
        Assert.Empty(world.Log);
    }

    [Fact]
    public void AClientThatShutsDownItsSendingSideStillGetsItsReplies()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Enter();
        WriteReads(client, 1, 3, length: 10);
        client.HangUp();
        world.Settle();
        block.CompleteAll();
        world.Settle();
        Assert.Equal(3 * 26, client.Sent.Length);
        world.AssertNothingLeft("after the end");
        Assert.Equal("client 1: the client left without a DISC, with 3 requests in flight", Assert.Single(world.Log));
    }

    private static void WriteReads(SimulatedTransport client, int firstCookie, int count, uint length)
    {
        for (int i = 0; i < count; i++)
        {
            client.Write(Wire.Read((ulong)(firstCookie + i), 0, length));
        }
    }
}
