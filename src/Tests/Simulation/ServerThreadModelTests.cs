using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Thread models on a server with several clients: what a store sees at one time, and in what order.</summary>
public class ServerThreadModelTests
{
    [Fact]
    public void Requests_of_one_client_go_one_by_one_and_those_of_others_beside_them()
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeRequests };
        using var world = new SimulatedServer(block);
        SimulatedTransport[] clients = [world.Enter(), world.Enter()];
        for (uint i = 0; i < 3; i++)
        {
            clients[0].Write(Wire.Read(i, i * 512, 512));
            clients[1].Write(Wire.Read(i, 4096 + (i * 512), 512));
        }

        world.Settle();
        Assert.Equal([0, 4096], Offsets(block));

        // The second client goes on while the first one's request stays where it is.
        block.Complete(4096);
        world.Settle();
        Assert.Equal([0, 4608], Offsets(block));
        block.Complete(4608);
        block.Complete(0);
        world.Settle();
        Assert.Equal([5120, 512], Offsets(block));
        FinishAll(world, block, clients);
    }

    [Fact]
    public void Requests_of_all_clients_go_one_by_one_in_the_order_in_which_they_came()
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeAllRequests };
        using var world = new SimulatedServer(block);
        SimulatedTransport[] clients = [world.Enter(), world.Enter()];
        List<ulong> order = [];
        for (uint i = 0; i < 3; i++)
        {
            foreach (int client in (int[])[0, 1])
            {
                clients[client].Write(Wire.Read(i, (uint)((client * 4096) + (i * 512)), 512));
                world.Settle();
            }
        }

        while (block.Held.Count > 0)
        {
            Assert.Single(block.Held);
            order.Add(block.Held[0].Offset);
            block.CompleteOne();
            world.Settle();
        }

        Assert.Equal([0, 4096, 512, 4608, 1024, 5120], order);
        FinishAll(world, block, clients);
    }

    [Fact]
    public void The_flush_that_stands_in_for_FUA_belongs_to_the_turn_of_the_write()
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeAllRequests };
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Enter();
        const ushort Fua = (ushort)NbdCommandFlags.Fua;
        client.Write([.. Wire.Write(1, 0, [1, 2, 3], Fua), .. Wire.Write(2, 8, [4], Fua), .. Wire.Read(3, 0, 512)]);
        world.Settle();
        while (block.Held.Count > 0)
        {
            Assert.Single(block.Held);
            block.CompleteOne();
            world.Settle();
        }

        Assert.Equal([NbdCommand.Write, NbdCommand.Flush, NbdCommand.Write, NbdCommand.Flush, NbdCommand.Read], block.Commands);
        FinishAll(world, block, client);
    }

    [Fact]
    public void The_second_client_waits_to_enter_until_the_first_has_gone()
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeConnections };
        using var world = new SimulatedServer(block);
        SimulatedTransport first = world.Enter();
        SimulatedTransport second = world.Enter();
        SimulatedTransport third = world.Enter();
        first.Write([.. Wire.Read(1, 0, 512), .. Wire.Read(2, 512, 512), .. Wire.Disconnect()]);
        world.Settle();
        Assert.Empty(second.Sent);
        Assert.Contains("client 2: waits for the client before it to leave export 'disk', which serves one at a time", world.Log);

        // However long it takes: a client that has done its part is not too slow.
        world.Advance(TimeSpan.FromHours(1));
        Assert.False(second.IsClosed);
        Assert.Equal([0], Offsets(block));
        block.CompleteOne();
        block.CompleteOne();
        world.Settle();
        Assert.True(first.IsClosed);
        Assert.NotEmpty(second.Sent);
        Assert.Empty(third.Sent);
        second.Write([.. Wire.Read(3, 1024, 512), .. Wire.Disconnect()]);
        world.Settle();
        Assert.Equal([1024], Offsets(block));
        block.CompleteAll();
        world.Settle();
        Assert.NotEmpty(third.Sent);
        FinishAll(world, block, third);
    }

    [Fact]
    public void The_other_export_is_entered_meanwhile()
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeConnections };
        using var world = new SimulatedServer(block);
        SimulatedTransport first = world.Enter();
        SimulatedTransport other = world.Connect();
        other.Write([.. Wire.Flags(), .. Wire.Go("other"), .. Wire.Read(1, 0, 512), .. Wire.Disconnect()]);
        world.Settle();
        Assert.True(other.IsClosed);
        FinishAll(world, block, first);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_waits_to_enter_does_not_keep_a_server_from_ending_nor_the_next_from_entering(bool drains)
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeConnections };
        using var world = new SimulatedServer(block);
        SimulatedTransport first = world.Enter();
        SimulatedTransport second = world.Enter();
        if (drains)
        {
            Task<bool> drain = world.Server.DrainAsync();
            world.Settle();
            Assert.True(drain.IsCompletedSuccessfully && drain.Result);
            Assert.True(second.IsClosed);
        }
        else
        {
            SimulatedTransport third = world.Enter();
            second.HangUp();
            world.Settle();

            // At once, and not when its turn would have come.
            Assert.True(second.IsClosed);
            Assert.Contains("client 2: the client left while it waited for its turn", world.Log);
            first.Write(Wire.Disconnect());
            world.Settle();
            Assert.NotEmpty(third.Sent);
            third.Write(Wire.Disconnect());
            world.Settle();
        }

        world.AssertNothingLeft("at the end");
    }

    [Fact]
    public void What_a_client_sends_before_its_turn_is_looked_at_when_that_has_come()
    {
        var block = new HeldBlock { ThreadModel = ThreadModel.SerializeConnections };
        using var world = new SimulatedServer(block);
        SimulatedTransport first = world.Enter();
        SimulatedTransport second = world.Enter();
        second.Write([.. Wire.Read(1, 1024, 512), .. Wire.Disconnect()]);
        world.Settle();
        Assert.Empty(block.Held);
        Assert.Empty(second.Sent);
        first.Write(Wire.Disconnect());
        world.Settle();
        Assert.Equal([1024], Offsets(block));
        block.CompleteAll();
        world.Settle();
        Assert.True(second.IsClosed);
        world.AssertNothingLeft("at the end");
    }

    [Fact]
    public void Any_number_may_wait_for_a_store_that_completes_within_its_start()
    {
        // Calls within calls would end the process.
        const int Count = 20_000;
        BlockRequest? held = null;
        var block = new ActingBlock(request =>
        {
            if (held is null)
            {
                held = request;
                return;
            }

            request.AddHole(request.Length);
            request.Complete(0);
        })
        {
            ThreadModel = ThreadModel.SerializeAllRequests,
        };
        using var world = new BlockWorld(block);
        BlockWorld.Answer[] answers = [.. Enumerable.Range(0, Count).Select(_ => world.Start(NbdCommand.Read, 0, 512))];
        Assert.DoesNotContain(answers, answer => answer.IsDone);
        held!.AddHole(512);
        held.Complete(0);
        Assert.All(answers, answer => Assert.Equal((true, 0), (answer.IsDone, answer.Error)));
        world.AssertNothingLeft();
    }

    private static IEnumerable<ulong> Offsets(HeldBlock block) => block.Held.Select(request => request.Offset);

    private static void FinishAll(SimulatedServer world, HeldBlock block, params SimulatedTransport[] clients)
    {
        while (block.Held.Count > 0)
        {
            block.CompleteOne();
            world.Settle();
        }

        Array.ForEach(clients, client => client.Write(Wire.Disconnect()));
        world.Settle();
        world.AssertNothingLeft("at the end");
    }
}
