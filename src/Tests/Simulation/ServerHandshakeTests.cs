using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The handshake of the server, in simulated time.</summary>
public class ServerHandshakeTests
{
    [Fact]
    public void AClientThatNeverSendsIsClosedAfterTenSeconds()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Connect();
        world.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(client.IsClosed);
        world.Advance(TimeSpan.FromSeconds(0.2));
        world.AssertNothingLeft("after the timeout");
        Assert.Equal("client 1: closed: the handshake was not finished within 10 s", Assert.Single(world.Log));
    }

    [Fact]
    public void AClientThatNegotiatesForEverIsClosedAfterTenSeconds()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Connect();
        client.Write(Wire.Flags());
        for (int second = 0; second < 10; second++)
        {
            client.Write(Wire.Option(3));
            world.Advance(TimeSpan.FromSeconds(1.01));
        }

        world.AssertNothingLeft("after the timeout");
        Assert.Single(world.Log);
    }

    [Fact]
    public void TheTransmissionPhaseHasNoTimeout()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Enter();
        world.Advance(TimeSpan.FromDays(1));
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void AProbeThatConnectsAndLeavesIsNotLogged()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Connect();
        client.HangUp();
        world.Settle();
        world.AssertNothingLeft("after the probe");
        Assert.Empty(world.Log);
    }

    [Fact]
    public void TheStoreIsOpenedByTheFirstClientThatEnters()
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = world.Connect();
        client.Write([.. Wire.Flags(), .. Wire.Option(3), .. Wire.Option(6, Wire.NameAndInfos("disk"))]);
        world.Settle();
        Assert.Equal(0, block.Opened);
        client.Write(Wire.Go("disk"));
        world.Settle();
        world.Enter();
        Assert.Equal(1, block.Opened);
    }

    [Theory]
    [InlineData(1u, 134)]
    [InlineData(3u, 10)]
    public void ExportNameIsAnsweredWithZeroesUnlessTheyWereDeclined(uint flags, int answerBytes)
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Connect();
        client.Write(Wire.Flags(flags));
        world.Settle();
        client.Forget();
        client.Write(Wire.Option(1, Encoding.UTF8.GetBytes("disk")));
        world.Settle();
        Assert.Equal(answerBytes, client.Sent.Length);
        client.Forget();
        client.Write(Wire.Read(7, 0, 3));
        world.Settle();
        Assert.Equal(Wire.Reply(7, 0, 0, 0, 0), client.Sent);
    }

    [Fact]
    public void AnUnknownExportEndsAnExportNameAndNotAGo()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Connect();
        client.Write([.. Wire.Flags(), .. Wire.Go("nothing"), .. Wire.Option(1, Encoding.UTF8.GetBytes("nothing"))]);
        world.Settle();
        Assert.Equal("client 1: closed: the client asked for an export that does not exist", Assert.Single(world.Log));
        world.AssertNothingLeft("after the refusal");
    }

    [Fact]
    public void MoreThanThirtyTwoOptionsAreTooMany()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20));
        SimulatedTransport client = world.Connect();
        client.Write(Wire.Flags());
        for (int i = 0; i < 32; i++)
        {
            client.Write(Wire.Option(3));
        }

        world.Settle();
        Assert.False(client.IsClosed);
        client.Write(Wire.Option(3));
        world.Settle();
        world.AssertNothingLeft("after 33 options");
    }

    [Fact]
    public void ALargeUnknownOptionIsConsumedAndAnswered()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20), new NbdServerOptions { ReceiveBytes = 4096 });
        SimulatedTransport client = world.Connect();
        client.Write([.. Wire.Flags(), .. Wire.Option(99, new byte[200_000]), .. Wire.Go("disk"), .. Wire.Read(1, 0, 1)]);
        world.Settle();
        Assert.Equal(Wire.Reply(1, 0, 0), client.Sent[^17..]);
    }

    [Fact]
    public void TooManyConnectionsAreTurnedAwayAndLoggedOnce()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20), new NbdServerOptions { MaxConnections = 2 });
        SimulatedTransport first = world.Connect();
        SimulatedTransport second = world.Connect();
        for (int i = 0; i < 5; i++)
        {
            SimulatedTransport refused = world.Connect();
            world.Settle();
            Assert.True(refused.IsClosed);
            Assert.Empty(refused.Sent);
        }

        Assert.Single(world.Log);
        first.HangUp();
        world.Settle();
        Assert.False(world.Connect().IsClosed);
        Assert.False(second.IsClosed);
        Assert.Equal(2, world.Server.Connections);
    }
}
