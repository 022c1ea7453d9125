using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Replies in chunks over a stream that is cut anywhere: the same answers, and nothing left behind.</summary>
public class ServerChunkStreamTests
{
    private const int Structured = 8, Extended = 11;

    private static readonly NbdServerOptions s_small = new() { ReceiveBytes = 2048, MaxInFlight = 4 };

    public static TheoryData<int> Forms() => [Structured, Extended];

    [Theory]
    [MemberData(nameof(Forms))]
    public void AStreamCutAtAnyByteGetsTheSameAnswers(int option)
    {
        byte[] conversation = Conversation(option);
        byte[] expected = Converse(Cuts.None, conversation);
        List<WireChunk> chunks = ChunkReader.Read(expected[(expected.AsSpan().IndexOf("ok"u8) + 2)..]);
        Assert.Equal(Enumerable.Range(1, 12).Select(i => (ulong)i), chunks.Where(chunk => chunk.IsDone).Select(chunk => chunk.Cookie));
        for (int cut = 0; cut <= conversation.Length; cut++)
        {
            Assert.Equal(expected, Converse(Cuts.None, conversation[..cut], conversation[cut..]));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void AStreamCutAtRandomGetsTheSameAnswers(int option)
    {
        byte[] conversation = Conversation(option);
        byte[] expected = Converse(Cuts.None, conversation);
        for (int seed = 0; seed < TestScale.Pick(30, 5000); seed++)
        {
            var cuts = new Cuts(new Random(seed), MaxReceive: 1 + (seed * 37 % 700), MaxSend: 1 + (seed * 11 % 500));
            Assert.True(expected.AsSpan().SequenceEqual(Converse(cuts, conversation)), $"seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void TheEndOfTheStreamAtAnyByteLeavesNothingBehind(int option)
    {
        byte[] conversation = Conversation(option);
        for (int end = 0; end <= conversation.Length; end++)
        {
            foreach (Action<SimulatedTransport> leave in new Action<SimulatedTransport>[] { client => client.HangUp(), client => client.Reset() })
            {
                using var world = new SimulatedServer(new PatchworkBlock(), s_small);
                SimulatedTransport client = world.Connect();
                client.Write(conversation.AsSpan(0, end));
                world.Settle();
                leave(client);
                world.Settle();
                world.AssertNothingLeft($"end at {end}");
                Assert.True(world.Log.Count <= 1, $"end at {end}: {string.Join(" | ", world.Log)}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void AClientThatStopsReadingInTheMiddleOfChunksLeavesNothingBehind(int option)
    {
        byte[] conversation = Conversation(option);
        for (int room = 0; room < 6000; room += 7)
        {
            using var world = new SimulatedServer(new PatchworkBlock(), s_small);
            SimulatedTransport client = world.Connect();
            client.AllowSending(room);
            client.Write(conversation);
            world.Settle();
            client.Reset();
            world.Settle();
            world.AssertNothingLeft($"room for {room} bytes");
        }
    }

    /// <summary>A handshake that ends with a description "ok", then every command, good and bad.</summary>
    private static byte[] Conversation(int option)
    {
        byte[] Ask(NbdCommand command, ulong cookie, ulong offset, ulong length, ushort flags = 0) =>
            ServerChunkTests.Request(option, command, cookie, offset, length, flags);

        byte[] Write(ulong cookie, ulong offset, byte[] data) =>
            option == Extended ? Wire.ExtendedWrite(cookie, offset, data) : Wire.Write(cookie, offset, data);

        return
        [
            .. Wire.Flags(), .. Wire.Option((uint)option), .. Wire.Option(9, Wire.Queries("disk")),
            .. Wire.Option(10, Wire.Queries("disk", "x:y", "base:allocation")), .. Wire.Go("disk"),
            .. Ask(NbdCommand.Read, 1, 300, 1500),
            .. Write(2, 4000, Wire.Data(2, 1500)),
            .. Ask(NbdCommand.Read, 3, 100, 3000, flags: 4),
            .. Ask(NbdCommand.BlockStatus, 4, 0, 1 << 20),
            .. Write(5, (1 << 20) - 10, Wire.Data(3, 700)),
            .. Ask((NbdCommand)77, 6, 0, 0),
            .. Ask(NbdCommand.WriteZeroes, 7, 4500, 100),
            .. Ask(NbdCommand.Read, 8, (1 << 20) - 10, 20),
            .. Ask(NbdCommand.Flush, 9, 0, 0),
            .. Ask(NbdCommand.Cache, 10, 0, 4096),
            .. Ask(NbdCommand.Read, 11, 5, 0),
            .. option == Extended
                ? [.. Ask(NbdCommand.BlockStatus, 12, 0, 12, flags: 0x20), .. Wire.U64(4096), .. Wire.U32(1)]
                : Ask(NbdCommand.BlockStatus, 12, 0, 4096, flags: 8),
            .. Ask(NbdCommand.Disconnect, 13, 0, 0),
        ];
    }

    /// <summary>What the server sends after the handshake, behind the word "ok".</summary>
    private static byte[] Converse(Cuts cuts, params byte[][] pieces)
    {
        using var world = new SimulatedServer(new PatchworkBlock(), s_small);
        SimulatedTransport client = world.Connect(cuts);
        foreach (byte[] piece in pieces)
        {
            client.Write(piece);
            world.Settle();
        }

        world.AssertNothingLeft("after the DISC");
        Assert.Empty(world.Log);
        byte[] sent = client.Sent;
        ReadOnlySpan<byte> lastAck = [.. Wire.U64(0x0003e889045565a9), .. Wire.U32(7), .. Wire.U32(1), .. Wire.U32(0)];
        int handshake = sent.AsSpan().IndexOf(lastAck) + lastAck.Length;
        return [.. "ok"u8, .. sent[handshake..]];
    }
}
