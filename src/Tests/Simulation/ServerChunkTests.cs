using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Replies in chunks: which chunks answer what, in structured replies and with extended headers.</summary>
public class ServerChunkTests
{
    private const int Structured = 8, Extended = 11;
    private const uint EIO = 5, EINVAL = 22, ENOSPC = 28, EOVERFLOW = 75, EPERM = 1;

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void AReadIsAnsweredByDataAndHolesOfWhichTheLastOneIsDone(int option)
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, option);

        client.Write(Request(option, NbdCommand.Read, 7, 500, 1100));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([(1, 500ul, 12), (2, 512ul, 512), (1, 1024ul, 512), (2, 1536ul, 64)],
            chunks.Select(chunk => (chunk.Type, chunk.DataOffset, chunk.Type == 1 ? chunk.Data.Length : (int)chunk.HoleBytes)));
        Assert.Equal([0, 0, 0, 1], chunks.Select(chunk => (int)chunk.Flags));
        Assert.All(chunks, chunk => Assert.Equal((7ul, option == Extended ? 500ul : 0), (chunk.Cookie, chunk.Offset)));
        Assert.Equal(PatchworkBlock.Contents()[1024..1536], chunks[2].Data);
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void WithDfTheAnswerIsOneChunkAndHolesAreZeroes(int option)
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, option);

        client.Write(Request(option, NbdCommand.Read, 7, 100, 70_000, flags: 4));
        client.Write(Request(option, NbdCommand.Read, 8, 512, 512, flags: 4));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([(1, 7ul, true), (2, 8ul, true)], chunks.Select(chunk => (chunk.Type, chunk.Cookie, chunk.IsDone)));
        Assert.Equal(100ul, chunks[0].DataOffset);
        Assert.Equal(PatchworkBlock.Contents()[100..70_100], chunks[0].Data);
    }

    [Fact]
    public void AStructuredReplyIsSimpleWhereNothingIsToBeSaid()
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, Structured);

        client.Write([.. Wire.Write(1, 0, new byte[512]), .. Wire.Request(NbdCommand.Flush, 2, 0, 0), .. Wire.Request(NbdCommand.Trim, 3, 0, 512),
            .. Wire.Request(NbdCommand.WriteZeroes, 4, 0, 512), .. Wire.Request(NbdCommand.Cache, 5, 0, 512), .. Wire.Read(6, 0, 0)]);
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([1ul, 2, 3, 4, 5, 6], chunks.Select(chunk => chunk.Cookie));
        Assert.All(chunks[..5], chunk => Assert.Equal((true, 0u), (chunk.IsSimple, chunk.Error)));

        // A READ is answered by chunks alone, also where it asks for nothing.
        Assert.Equal((0, 1, 0), (chunks[5].Type, chunks[5].Flags, chunks[5].Payload.Length));
    }

    [Fact]
    public void WithExtendedHeadersEveryReplyIsAnExtendedChunkWithTheOffsetOfItsRequest()
    {
        // A block without FUA: the flush that follows must not lose the offset.
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, Extended);

        client.Write([.. Wire.ExtendedWrite(1, 1024, new byte[512], flags: 0x21), .. Wire.ExtendedRequest(NbdCommand.Flush, 2, 0, 0),
            .. Wire.ExtendedRequest(NbdCommand.Trim, 3, 4096, 512), .. Wire.ExtendedRequest(NbdCommand.Cache, 4, 8192, 1),
            .. Wire.ExtendedRequest(NbdCommand.Read, 5, 3, 0)]);
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([(1ul, 1024ul), (2, 0), (3, 4096), (4, 8192), (5, 3)], chunks.Select(chunk => (chunk.Cookie, chunk.Offset)));
        Assert.All(chunks, chunk => Assert.Equal((0, 1, 0), (chunk.Type, chunk.Flags, chunk.Payload.Length)));
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void AnErrorSaysInWordsWhatIsWrong(int option)
    {
        using var world = new SimulatedServer(new ActingBlock(request => request.Complete(121)));
        SimulatedTransport client = Enter(world, option);

        client.Write(Request(option, NbdCommand.Read, 1, 0, 512));
        client.Write(Request(option, (NbdCommand)77, 2, 0, 0));
        client.Write(Request(option, NbdCommand.Cache, 3, 0, 512));
        client.Write(Request(option, NbdCommand.Flush, 4, 0, 0));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.All(chunks, chunk => Assert.Equal((0x8001, true), (chunk.Type, chunk.IsDone)));
        Assert.Equal([(1ul, EIO), (2, EINVAL), (3, EINVAL), (4, EIO)], chunks.Select(chunk => (chunk.Cookie, chunk.Error)));
        string TextOf(ulong cookie) => chunks.Single(chunk => chunk.Cookie == cookie).ErrorText;
        // The wire has no number for EREMOTEIO; the text has its name.
        Assert.Contains("EREMOTEIO", TextOf(1), StringComparison.Ordinal);
        Assert.Equal("command 77 is not in the protocol", TextOf(2));
        Assert.Equal("CACHE was not offered for this export", TextOf(3));
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void AReadBeyondTheEndSaysWhereTheEndIs(int option)
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, option);

        client.Write(Request(option, NbdCommand.Read, 1, (1 << 20) - 512, 1024));
        client.Write(Request(option, NbdCommand.Read, 2, 1 << 21, 1));
        client.Write(Request(option, NbdCommand.Read, 3, ulong.MaxValue - 255, 512));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([(0x8002, EINVAL), (0x8001, EINVAL), (0x8001, EINVAL)], chunks.Select(chunk => (chunk.Type, chunk.Error)));
        Assert.Equal(1ul << 20, chunks[0].ErrorOffset);
        Assert.Contains("1048576", chunks[0].ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void ABlockThatKnowsWhereItFailedTellsTheClient()
    {
        using var world = new SimulatedServer(new ActingBlock(request =>
        {
            request.AddHole(512);
            request.ErrorOffset = request.Offset + 512;
            request.Complete(5);
        }));
        SimulatedTransport client = Enter(world, Structured);

        client.Write(Wire.Read(1, 4096, 1024));
        world.Settle();

        WireChunk chunk = Assert.Single(ChunkReader.Read(client.Sent));
        Assert.Equal((0x8002, EIO, 4608ul), (chunk.Type, chunk.Error, chunk.ErrorOffset));
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void RequestsThatAreTooLongAreRefusedAndTheConnectionLives(int option)
    {
        using var world = new SimulatedServer(new NullStore(1ul << 40));
        SimulatedTransport client = Enter(world, option);

        client.Write(Request(option, NbdCommand.Read, 1, 0, (32 << 20) + 1));
        client.Write(Request(option, NbdCommand.Read, 2, 0, uint.MaxValue));
        client.Write(Request(option, NbdCommand.Read, 3, 0, (32 << 20) + 1, flags: 4));
        client.Write(Request(option, NbdCommand.Read, 4, 0, 32 << 20));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([EOVERFLOW, EOVERFLOW, EOVERFLOW], chunks[..3].Select(chunk => chunk.Error));
        Assert.Equal((2, 32u << 20), (chunks[3].Type, chunks[3].HoleBytes));
    }

    [Fact]
    public void WithExtendedHeadersLengthsHave64Bits()
    {
        using var world = new SimulatedServer(new NullStore(1ul << 50));
        SimulatedTransport client = Enter(world, Extended, "base:allocation");

        client.Write([.. Wire.ExtendedRequest(NbdCommand.WriteZeroes, 1, 4096, 1ul << 45), .. Wire.ExtendedRequest(NbdCommand.Trim, 2, 0, 1ul << 50),
            .. Wire.ExtendedRequest(NbdCommand.BlockStatus, 3, 512, 1ul << 45), .. Wire.ExtendedRequest(NbdCommand.WriteZeroes, 4, 4096, 1ul << 50),
            .. Wire.ExtendedRequest(NbdCommand.Read, 5, 0, 1ul << 45), .. Wire.ExtendedRequest(NbdCommand.Trim, 6, 512, ulong.MaxValue)]);
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([0, 0, 6, 0x8001, 0x8001, 0x8001], chunks.Select(chunk => chunk.Type));
        Assert.Equal([ENOSPC, EOVERFLOW, EINVAL], chunks[3..].Select(chunk => chunk.Error));
        Assert.Equal(Wire.U64(1ul << 45), chunks[2].Payload[8..16]);
    }

    [Fact]
    public void WithExtendedHeadersTheFlagSaysWhetherAPayloadFollowsAndAWriteHasOneEitherWay()
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, Extended);

        // QEMU sends the data of a WRITE without the flag; with it data follows whatever the command is.
        client.Write(Wire.ExtendedWrite(1, 0, new byte[512], flags: 0));
        client.Write([.. Wire.ExtendedRequest(NbdCommand.Read, 2, 0, 700, flags: 0x20), .. new byte[700]]);
        client.Write([.. Wire.ExtendedRequest((NbdCommand)99, 3, 0, 100, flags: 0x20), .. new byte[100]]);
        client.Write([.. Wire.ExtendedRequest(NbdCommand.Flush, 4, 0, 5000, flags: 0x20), .. new byte[5000]]);
        client.Write(Wire.ExtendedRequest(NbdCommand.Cache, 5, 0, 1));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal([(1ul, 0), (2, 0x8001), (3, 0x8001), (4, 0x8001), (5, 0)], chunks.Select(chunk => (chunk.Cookie, chunk.Type)));
        Assert.All(chunks[1..4], chunk => Assert.Equal(EINVAL, chunk.Error));
    }

    [Theory]
    [InlineData(NbdCommand.Write)]
    [InlineData(NbdCommand.Read)]
    [InlineData(NbdCommand.BlockStatus)]
    public void AnExtendedPayloadThatCannotBeSkippedEndsTheConnection(NbdCommand command)
    {
        foreach (ulong length in new ulong[] { (64 << 20) + 1, uint.MaxValue, 1ul << 63, ulong.MaxValue })
        {
            using var world = new SimulatedServer(new PatchworkBlock());
            SimulatedTransport client = Enter(world, Extended);
            client.Write(Wire.ExtendedRequest(command, 1, 0, length, flags: 0x20));
            world.Settle();
            Assert.Empty(client.Sent);
            world.AssertNothingLeft($"{command} of {length} bytes");
        }
    }

    [Theory]
    [InlineData(Structured, 0x21e41c71u)]
    [InlineData(Extended, 0x25609513u)]
    public void ARequestOfTheOtherFormEndsTheConnection(int option, uint magic)
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, option);
        client.Write([.. Wire.U32(magic), .. new byte[28]]);
        world.Settle();
        Assert.Empty(client.Sent);
        world.AssertNothingLeft("a wrong magic");
    }

    [Fact]
    public void WithoutStructuredRepliesDfWasNotOffered()
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = world.Enter();
        client.Write([.. Wire.Request(NbdCommand.Read, 1, 0, 512, flags: 4), .. Wire.Request(NbdCommand.BlockStatus, 2, 0, 512)]);
        world.Settle();
        Assert.Equal([(1ul, EINVAL), (2, EINVAL)], Wire.Replies(client.Sent));
    }

    [Fact]
    public void AWriteToAReadOnlyExportIsRefusedInAChunk()
    {
        using var world = new SimulatedServer(new PatchworkBlock(), readOnly: true);
        SimulatedTransport client = Enter(world, Structured);
        client.Write(Wire.Write(1, 0, new byte[600]));
        world.Settle();
        WireChunk chunk = Assert.Single(ChunkReader.Read(client.Sent));
        Assert.Equal((0x8001, EPERM), (chunk.Type, chunk.Error));
        Assert.Contains("read-only", chunk.ErrorText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void RepliesOfOneTurnLeaveInOneSend(int option)
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, option);
        int before = client.Sends;
        client.Write([.. Enumerable.Range(0, 100).SelectMany(i => Request(option, NbdCommand.Read, (ulong)i, 0, 512))]);
        world.Settle();

        // The simulated socket takes one run at a time: with a header and its data each, a send of all of them begins with 200 runs.
        Assert.Equal(200, client.MostRuns);
        Assert.Equal(before + 200, client.Sends);
    }

    [Theory]
    [InlineData(Structured)]
    [InlineData(Extended)]
    public void MoreChunksThanOneSendHoldsAllArrive(int option)
    {
        using var world = new SimulatedServer(new PatchworkBlock());
        SimulatedTransport client = Enter(world, option);
        client.Write(Request(option, NbdCommand.Read, 1, 0, 1 << 20));
        client.Write(Request(option, (NbdCommand)77, 2, 0, 0));
        client.Write(Request(option, NbdCommand.Read, 3, 0, 1 << 20, flags: 4));
        world.Settle();

        List<WireChunk> chunks = ChunkReader.Read(client.Sent);
        Assert.Equal(2048 + 2, chunks.Count);
        byte[] disk = new byte[1 << 20];
        foreach (WireChunk chunk in chunks.Where(chunk => chunk is { Type: 1, Cookie: 1 }))
        {
            chunk.Data.CopyTo(disk, (int)chunk.DataOffset);
        }

        Assert.Equal(PatchworkBlock.Contents(), disk);
        Assert.Equal(PatchworkBlock.Contents(), chunks.Single(chunk => chunk.Cookie == 3).Data);
        Assert.Equal([1ul, 2, 3], chunks.Where(chunk => chunk.IsDone).Select(chunk => chunk.Cookie));
    }

    internal static byte[] Request(int option, NbdCommand command, ulong cookie, ulong offset, ulong length, ushort flags = 0) => option == Extended
        ? Wire.ExtendedRequest(command, cookie, offset, length, flags)
        : Wire.Request(command, cookie, offset, (uint)length, flags);

    internal static SimulatedTransport Enter(SimulatedServer world, int option, params string[] contexts)
    {
        SimulatedTransport client = world.Connect();
        byte[] select = contexts.Length > 0 ? Wire.Option(10, Wire.Queries("disk", contexts)) : [];
        client.Write([.. Wire.Flags(), .. Wire.Option((uint)option), .. select, .. Wire.Go("disk")]);
        world.Settle();
        client.Forget();
        return client;
    }
}
