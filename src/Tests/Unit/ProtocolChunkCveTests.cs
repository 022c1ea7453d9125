using System.Buffers.Binary;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Published faults of NBD peers that replies in chunks and metadata contexts could have: their input, and what is to become of it.</summary>
public class ProtocolChunkCveTests
{
    private static readonly RequestRules s_rules =
        new RequestRules(1ul << 40, TransmissionFlags.HasFlags, BlockSizeConstraints.Default).For(ReplyForm.Structured, hasMetaContext: true);

    [Theory]
    [InlineData(0ul, true)]
    [InlineData((1ul << 40) - uint.MaxValue, true)]
    [InlineData((1ul << 40) - uint.MaxValue + 1, false)]
    [InlineData(ulong.MaxValue - uint.MaxValue + 1, false)]
    public void Cve2025_47711_BlockStatusOf2To32Minus1(ulong offset, bool inRange)
    {
        RequestVerdict verdict = s_rules.Check(new NbdRequest(NbdCommandFlags.None, NbdCommand.BlockStatus, 1, offset, uint.MaxValue));
        Assert.Equal(inRange ? RequestFault.None : RequestFault.OutOfRange, verdict.Fault);

        // The answer to the longest compact request fits the extent's 32 bits.
        byte[] extent = new byte[8];
        Chunks.WriteExtent(extent, ReplyForm.Structured, uint.MaxValue, AllocationFlags.None);
        Assert.Equal(uint.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(extent));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(8u)]
    public void Cve2022_26495_LengthsThatWrapWhenOneIsAdded(uint at)
    {
        byte[] data = new byte[16];
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan((int)at), uint.MaxValue);
        Assert.Equal(ParseStatus.Refuse, MetaContextRequest.Parse(data, out _).Status);
    }

    [Fact]
    public void Cve2017_15118_NamesOf4096BytesAndOneMore()
    {
        foreach ((int length, ParseStatus expected) in new[] { (Limits.MaxStringBytes, ParseStatus.Ok), (Limits.MaxStringBytes + 1, ParseStatus.Refuse) })
        {
            byte[] name = [.. Wire.U32((uint)length), .. new byte[length].Select(_ => (byte)'n'), .. Wire.U32(0)];
            Assert.Equal(expected, MetaContextRequest.Parse(name, out _).Status);
            byte[] query = [.. Wire.U32(0), .. Wire.U32(1), .. Wire.U32((uint)length), .. new byte[length].Select(_ => (byte)'q')];
            Assert.Equal(expected, MetaContextRequest.Parse(query, out _).Status);
            byte[] context = [.. Wire.U32(1), .. new byte[length].Select(_ => (byte)'c')];
            Assert.Equal(expected == ParseStatus.Ok ? ParseStatus.Ok : ParseStatus.Drop, MetaContext.Parse(context, out _).Status);
        }
    }

    [Fact]
    public void Cve2020_10761_ErrorTextsAreCutToTheirRoom()
    {
        byte[] bytes = new byte[Chunks.MaxWrittenBytes];
        int written = new Chunks(ReplyForm.Extended, 1, 2).WriteError(bytes, NbdError.EINVAL, new string('é', 100_000), at: 3);
        Assert.Equal(Chunks.MaxWrittenBytes, written);
        Assert.Equal(Limits.MaxErrorTextBytes, BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(ChunkHeader.ExtendedSize + 4)));
    }

    [Theory]
    [InlineData(2u << 20)]
    [InlineData(uint.MaxValue)]
    public void Cve2017_15119_QueriesWithoutEnd(uint count)
    {
        byte[] data = [.. Wire.U32(0), .. Wire.U32(count), .. new byte[1024]];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(ParseStatus.Refuse, MetaContextRequest.Parse(data, out _).Status);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }
}
