using System.Buffers.Binary;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>BLOCK_STATUS with base:allocation, in its compact and its extended form.</summary>
public class ServerBlockStatusTests
{
    private const int Structured = 8, Extended = 11;
    private const ushort ReqOne = 8, PayloadLen = 0x20;
    private const uint EINVAL = 22;

    [Theory]
    [InlineData(Structured, 0)]
    [InlineData(Structured, ReqOne)]
    [InlineData(Extended, 0)]
    [InlineData(Extended, ReqOne)]
    public void AStoreThatKnowsNothingHasOneExtentOfData(int option, ushort flags)
    {
        using var world = new SimulatedServer(new ActingBlock(request => request.Complete(0)));
        SimulatedTransport client = ServerChunkTests.Enter(world, option, "base:allocation");
        client.Write(ServerChunkTests.Request(option, NbdCommand.BlockStatus, 9, 4096, 65_536, flags));
        world.Settle();
        Assert.Equal([(65_536ul, 0ul)], Extents(Assert.Single(ChunkReader.Read(client.Sent)), option));
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void ALateAnswerHoldsUpNobodyAndAnErrorIsOne(int option)
    {
        var block = new HeldBlock();
        using var world = new SimulatedServer(block);
        SimulatedTransport client = ServerChunkTests.Enter(world, option, "base:allocation");
        client.Write(ServerChunkTests.Request(option, NbdCommand.BlockStatus, 1, 0, 8192));
        client.Write(ServerChunkTests.Request(option, NbdCommand.BlockStatus, 2, 0, 8192));
        client.Write(ServerChunkTests.Request(option, NbdCommand.Read, 3, 0, 512));
        world.Settle();
        Assert.Equal([NbdCommand.BlockStatus, NbdCommand.BlockStatus, NbdCommand.Read], block.Commands);
        (BlockRequest late, BlockRequest bad, BlockRequest read) = (block.Held[0], block.Held[1], block.Held[2]);
        read.AddHole(512);
        read.Complete(0);
        bad.AddStatus(512, ExtentState.Hole);
        bad.Complete(5);
        world.Settle();
        late.AddStatus(4096, ExtentState.Hole);
        late.AddStatus(1024, ExtentState.Data);
        late.Complete(0);
        world.Settle();
        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([3ul, 2, 1], chunks.Select(chunk => chunk.Cookie));
        Assert.Equal(5u, chunks[1].Error);
        Assert.Equal([(4096ul, 1ul), (1024ul, 0ul)], Extents(chunks[2], option));
        Assert.Equal(0, world.ServerLoop.Blocks.RequestsInUse);
        Assert.Equal(0, world.ServerLoop.Blocks.Buffers.InUse);
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void WhatCannotBeAnsweredIsInvalid(int option)
    {
        using var world = new SimulatedServer(new ActingBlock(request => request.Complete(0)));
        SimulatedTransport client = ServerChunkTests.Enter(world, option, "base:allocation");
        (ulong Offset, ulong Length, ushort Flags)[] bad =
            [(0, 0, 0), (1 << 20, 512, 0), ((1 << 20) - 512, 513, 0), (ulong.MaxValue, 1, 0), (0, 512, 4), (0, 512, 0x8000)];
        for (int i = 0; i < bad.Length; i++)
        {
            client.Write(ServerChunkTests.Request(option, NbdCommand.BlockStatus, (ulong)i, bad[i].Offset, bad[i].Length, bad[i].Flags));
        }

        world.Settle();
        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal(Enumerable.Range(0, bad.Length).Select(i => (ulong)i), chunks.Select(chunk => chunk.Cookie));
        Assert.All(chunks, chunk => Assert.Equal((0x8001, EINVAL), (chunk.Type, chunk.Error)));
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void WithoutASelectedContextItIsInvalid(int option)
    {
        using var world = new SimulatedServer(new ActingBlock(request => request.Complete(0)));
        SimulatedTransport client = ServerChunkTests.Enter(world, option);
        client.Write(ServerChunkTests.Request(option, NbdCommand.BlockStatus, 1, 0, 512));
        world.Settle();
        Assert.Equal(EINVAL, Assert.Single(ChunkReader.Read(client.Sent)).Error);
    }

    [Fact]
    public void APayloadSelectsAmongTheContexts()
    {
        using var world = new SimulatedServer(new ActingBlock(request => request.Complete(0)));
        SimulatedTransport client = ServerChunkTests.Enter(world, Extended, "base:allocation");
        client.Write([.. Wire.ExtendedRequest(NbdCommand.BlockStatus, 1, 512, 12, PayloadLen), .. Wire.U64(8192), .. Wire.U32(1)]);
        world.Settle();
        Assert.Equal([(8192ul, 0ul)], Extents(Assert.Single(ChunkReader.Read(client.Sent)), Extended));
    }

    public static TheoryData<string, byte[]> BadPayloads() => new()
    {
        { "an id that was not selected", [.. Wire.U64(512), .. Wire.U32(2)] },
        { "an id twice", [.. Wire.U64(512), .. Wire.U32(1), .. Wire.U32(1)] },
        { "no id", Wire.U64(512) },
        { "too short", [1, 2, 3] },
        { "a length beyond the end", [.. Wire.U64((1 << 20) + 1), .. Wire.U32(1)] },
        { "a length that wraps", [.. Wire.U64(ulong.MaxValue), .. Wire.U32(1)] },
        { "no length", [.. Wire.U64(0), .. Wire.U32(1)] },
        { "many ids", [.. Wire.U64(512), .. new byte[40_000]] },
    };

    [Theory]
    [MemberData(nameof(BadPayloads))]
    public void APayloadThatIsWrongIsConsumedAndInvalid(string what, byte[] payload)
    {
        using var world = new SimulatedServer(new ActingBlock(request => request.Complete(0)));
        SimulatedTransport client = ServerChunkTests.Enter(world, Extended, "base:allocation");
        client.Write([.. Wire.ExtendedRequest(NbdCommand.BlockStatus, 1, 0, (ulong)payload.Length, PayloadLen), .. payload]);
        client.Write(Wire.ExtendedRequest(NbdCommand.BlockStatus, 2, 0, 512));
        world.Settle();
        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([1ul, 2], chunks.Select(chunk => chunk.Cookie));
        Assert.Equal((what, EINVAL), (what, chunks[0].Error));
        Assert.Equal(6, chunks[1].Type);
    }

    private static List<(ulong Length, ulong Flags)> Extents(WireChunk chunk, int option)
    {
        bool extended = option == Extended;
        Assert.Equal((extended ? 6 : 5, true), (chunk.Type, chunk.IsDone));
        Assert.Equal(Wire.U32(1), chunk.Payload[..4]);
        int head = extended ? 8 : 4;
        int size = extended ? 16 : 8;
        int count = (chunk.Payload.Length - head) / size;
        Assert.Equal(head + (count * size), chunk.Payload.Length);
        if (extended)
        {
            Assert.Equal(Wire.U32((uint)count), chunk.Payload[4..8]);
        }

        ulong Number(int at) => extended
            ? BinaryPrimitives.ReadUInt64BigEndian(chunk.Payload.AsSpan(at))
            : BinaryPrimitives.ReadUInt32BigEndian(chunk.Payload.AsSpan(at));
        return [.. Enumerable.Range(0, count).Select(i => (Number(head + (i * size)), Number(head + (i * size) + (size / 2))))];
    }
}
