using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Published faults of NBD servers in what they make of their clients as a whole, in simulated time: each test is named after those faults.</summary>
public class ServerCveTests
{
    private const uint Ack = 1, FirstError = 0x8000_0001;
    private const uint List = 3, PeekExport = 4, StartTls = 5, Info = 6, Go = 7, StructuredReply = 8, ListContexts = 9, SetContexts = 10, ExtendedHeaders = 11;

    /// <summary>qemu-nbd kept whoever never began to negotiate for ever, without a bound, and touched them after they were gone when it ended.</summary>
    [Fact]
    public void Cve2024_7409_ClientsThatNeverNegotiate()
    {
        using var world = new SimulatedServer(new NullStore(1 << 20), new NbdServerOptions { MaxConnections = 5 });
        for (int wave = 0; wave < 3; wave++)
        {
            SimulatedTransport[] silent = [.. Enumerable.Range(0, 5).Select(_ => world.Connect())];
            SimulatedTransport refused = world.Connect();
            world.Settle();
            Assert.True(refused.IsClosed);
            Assert.DoesNotContain(silent, client => client.IsClosed);
            world.Advance(TimeSpan.FromSeconds(10.1));
            world.AssertNothingLeft($"wave {wave}");
        }

        // Each in another place of its handshake when the server ends.
        byte[] handshake = [.. Wire.Flags(), .. Wire.Option(List), .. Wire.Go("disk")];
        foreach (int length in (int[])[0, 3, 20, handshake.Length - 1])
        {
            world.Connect().Write(handshake[..length]);
        }

        world.Settle();
        Task<bool> drain = world.Server.DrainAsync();
        world.Settle();
        Assert.True(drain.IsCompletedSuccessfully && drain.Result);
        world.AssertNothingLeft("after the end");
    }

    /// <summary>Servers of qemu and nbdkit took it for granted which option would come next, and what it would hold.</summary>
    [Fact]
    public void Cve2017_7539_Cve2019_14851_OptionsInAnyOrder()
    {
        for (int seed = 1; seed <= TestScale.Pick(300, 20_000); seed++)
        {
            var random = new Random(seed);
            using var talk = new OptionTalk();
            for (int left = random.Next(1, 32); left > 0; left--)
            {
                (uint option, byte[] data) = Draw(random);
                List<uint> answers = talk.Ask(option, data);
                Assert.True(answers.Count > 0, $"seed {seed}: option {option} of {data.Length} bytes is not answered");
                Assert.All(answers[..^1], type => Assert.InRange(type, Ack + 1, FirstError - 1));
                Assert.True(answers[^1] is Ack or >= FirstError, $"seed {seed}: the last answer to option {option} has the type 0x{answers[^1]:x}");
            }

            // Whatever came before, who asks for the export enters it.
            Assert.Equal(Ack, talk.Ask(Go, Wire.NameAndInfos("disk"))[^1]);
        }
    }

    /// <summary>An option that does not end the negotiation, with what belongs to it, some of that, or anything.</summary>
    private static (uint Option, byte[] Data) Draw(Random random)
    {
        uint[] options = [List, PeekExport, StartTls, Info, Go, StructuredReply, ListContexts, SetContexts, ExtendedHeaders, (uint)random.Next(12, 100)];
        uint option = options[random.Next(options.Length)];
        byte[] good = option switch
        {
            Info => Wire.NameAndInfos(random.Next(2) == 0 ? "disk" : "nothing"),
            Go => Wire.NameAndInfos("nothing"),
            ListContexts or SetContexts => Wire.Queries("disk", "base:allocation", "other:"),
            _ => [],
        };
        return (option, random.Next(3) switch
        {
            0 => good[..random.Next(good.Length + 1)],
            1 => Wire.Data(random.Next(), random.Next(40)),
            _ => good,
        });
    }
}
