using Harness.Nbd;

namespace Harness.Tests;

/// <summary>However the stream is cut, and wherever it ends: the same answers, and nothing left behind.</summary>
public class ServerStreamTests
{
    // Small chunks, so that a short conversation meets every way of receiving: in place, rolled over, and into a buffer of its own.
    private static readonly NbdServerOptions s_small = new() { ReceiveBytes = 2048, MaxInFlight = 4 };

    // No request changes what one before it reads: requests in flight together have no order.
    private static readonly byte[] s_conversation =
    [
        .. Wire.Flags(),
        .. Wire.Option(0x7654321, 1, 2, 3, 4),
        .. Wire.Option(5),
        .. Wire.Option(3),
        .. Wire.Option(6, Wire.NameAndInfos("disk")),
        .. Wire.Option(7, Wire.NameAndInfos("nothing")),
        .. Wire.Go("disk"),
        .. Wire.Write(1, 100, Wire.Data(1, 300)),
        .. Wire.Write(2, 4000, Wire.Data(2, 1500)),
        .. Wire.Read(3, 90, 600),
        .. Wire.Write(4, (1 << 20) - 10, Wire.Data(3, 700)),
        .. Wire.Request((NbdCommand)77, 5, 0, 0),
        .. Wire.Request(NbdCommand.WriteZeroes, 6, 4500, 100),
        .. Wire.Request(NbdCommand.Trim, 7, 4000, 10, flags: 1),
        .. Wire.Read(8, 0, 6000),
        .. Wire.Request(NbdCommand.Flush, 9, 0, 0),
        .. Wire.Read(10, 1 << 20, 1),
        .. Wire.Read(11, 5, 0),
        .. Wire.Disconnect(),
    ];

    private static readonly Lazy<byte[]> s_answers = new(() => Converse(Cuts.None, s_conversation));

    [Fact]
    public void TheConversationIsAnsweredAsTheProtocolSays()
    {
        byte[] disk = new byte[6000];
        Wire.Data(1, 300).CopyTo(disk, 100);
        Wire.Data(2, 1500).CopyTo(disk, 4000);
        byte[] before = disk[90..690];
        disk.AsSpan(4500, 100).Clear();
        disk.AsSpan(4000, 10).Clear();
        byte[] expected =
        [
            .. Wire.Reply(1), .. Wire.Reply(2), .. Wire.Reply(3, 0, before), .. Wire.Reply(4, 28), .. Wire.Reply(5, 22), .. Wire.Reply(6),
            .. Wire.Reply(7), .. Wire.Reply(8, 0, disk), .. Wire.Reply(9), .. Wire.Reply(10, 22), .. Wire.Reply(11),
        ];
        Assert.Equal(expected, s_answers.Value[^expected.Length..]);
    }

    [Fact]
    public void AStreamCutAtAnyByteGetsTheSameAnswers()
    {
        for (int cut = 0; cut <= s_conversation.Length; cut++)
        {
            Assert.Equal(s_answers.Value, Converse(Cuts.None, s_conversation[..cut], s_conversation[cut..]));
        }
    }

    [Fact]
    public void AStreamCutAtRandomGetsTheSameAnswers()
    {
        for (int seed = 0; seed < TestScale.Pick(100, 5000); seed++)
        {
            var cuts = new Cuts(new Random(seed), MaxReceive: 1 + (seed * 37 % 700), MaxSend: 1 + (seed * 11 % 500));
            Assert.True(s_answers.Value.AsSpan().SequenceEqual(Converse(cuts, s_conversation)), $"seed {seed}");
        }
    }

    [Fact]
    public void TheEndOfTheStreamAtAnyByteLeavesNothingBehind()
    {
        for (int end = 0; end <= s_conversation.Length; end++)
        {
            AssertNothingLeftAfter(end, client => client.HangUp());
            AssertNothingLeftAfter(end, client => client.Reset());
        }
    }

    [Fact]
    public void TheEndOfTheStreamWithRequestsHeldByTheBlockLeavesNothingBehind()
    {
        byte[] requests =
        [
            .. Wire.Write(1, 0, Wire.Data(1, 200)), .. Wire.Read(2, 0, 5000), .. Wire.Write(3, 0, Wire.Data(2, 1000)),
            .. Wire.Request(NbdCommand.Flush, 4, 0, 0), .. Wire.Write(5, 0, Wire.Data(3, 400)),
        ];
        for (int end = 0; end <= requests.Length; end++)
        {
            foreach (Action<SimulatedTransport> leave in new Action<SimulatedTransport>[] { client => client.HangUp(), client => client.Reset() })
            {
                var block = new HeldBlock();
                using var world = new SimulatedServer(block, s_small);
                SimulatedTransport client = world.Enter();
                client.Write(requests.AsSpan(0, end));
                world.Settle();
                leave(client);
                world.Settle();
                while (block.Held.Count > 0)
                {
                    block.CompleteAll();
                    world.Settle();
                }

                world.AssertNothingLeft($"end at {end}");
            }
        }
    }

    private static byte[] Converse(Cuts cuts, params byte[][] pieces)
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20), s_small);
        SimulatedTransport client = world.Connect(cuts);
        foreach (byte[] piece in pieces)
        {
            client.Write(piece);
            world.Settle();
        }

        world.AssertNothingLeft("after the DISC");
        Assert.Empty(world.Log);
        return client.Sent;
    }

    private static void AssertNothingLeftAfter(int end, Action<SimulatedTransport> leave)
    {
        using var world = new SimulatedServer(new MemoryStore(1 << 20), s_small);
        SimulatedTransport client = world.Connect();
        client.Write(s_conversation.AsSpan(0, end));
        world.Settle();
        leave(client);
        world.Settle();
        world.AssertNothingLeft($"end at {end}");
        Assert.True(world.Log.Count <= 1, $"end at {end}: {string.Join(" | ", world.Log)}");
    }
}
