using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>INFO and GO: what a client asks, what a server tells.</summary>
public class ProtocolInfoTests
{
    [Fact]
    public void GoHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[InfoRequest.MaxWrittenBytes];
        int written = new InfoRequest("ab", InfoTypes.Name | InfoTypes.BlockSize).Write(bytes, NbdOption.Go);

        Assert.Equal("49484156454F5054" + "00000007" + "0000000C" + "00000002" + "6162" + "0002" + "0001" + "0003",
            Convert.ToHexString(bytes.AsSpan(0, written)));
    }

    [Theory]
    [InlineData("", InfoTypes.None)]
    [InlineData("disk", InfoTypes.Export | InfoTypes.Name | InfoTypes.Description | InfoTypes.BlockSize)]
    [InlineData("größe", InfoTypes.BlockSize)]
    public void RequestRoundTrips(string name, InfoTypes wanted)
    {
        byte[] bytes = new byte[InfoRequest.MaxWrittenBytes];
        int written = new InfoRequest(name, wanted).Write(bytes, NbdOption.Info);

        Assert.True(OptionRequest.Parse(bytes, 0, out OptionRequest option).IsOk);
        Assert.Equal(written, OptionRequest.HeaderSize + option.Length);
        Assert.True(InfoRequest.Parse(bytes.AsSpan(OptionRequest.HeaderSize, option.Length), out InfoRequest request).IsOk);
        Assert.Equal(new InfoRequest(name, wanted), request);
    }

    [Fact]
    public void LongestNameFitsTheBuffer()
    {
        byte[] bytes = new byte[InfoRequest.MaxWrittenBytes];
        var wanted = InfoTypes.Export | InfoTypes.Name | InfoTypes.Description | InfoTypes.BlockSize;

        Assert.Equal(bytes.Length, new InfoRequest(new string('n', Limits.MaxStringBytes), wanted).Write(bytes, NbdOption.Go));
    }

    [Fact]
    public void InfoTypesThatNobodyKnowsAreIgnored()
    {
        Assert.True(InfoRequest.Parse(Convert.FromHexString("00000000" + "0003" + "0003" + "0004" + "ffff"), out InfoRequest request).IsOk);
        Assert.Equal(new InfoRequest(string.Empty, InfoTypes.BlockSize), request);
    }

    [Theory]
    [InlineData("", "at least 6")]
    [InlineData("0000000000", "at least 6")]
    [InlineData("00000001" + "0000", "said to be 1 bytes")]
    [InlineData("ffffffff" + "0000", "said to be 4294967295 bytes")]
    [InlineData("00000001" + "00" + "0000", "NUL")]
    [InlineData("00000001" + "ff" + "0000", "not UTF-8")]
    [InlineData("00000001" + "61" + "0001", "1 info types are 2 bytes, but 0 came")]
    [InlineData("00000001" + "61" + "0001" + "00", "but 1 came")]
    [InlineData("00000001" + "61" + "0000" + "0003", "0 info types are 0 bytes, but 2 came")]
    [InlineData("00000001" + "61" + "ffff" + "0003", "65535 info types are 131070 bytes")]
    public void BadRequestIsAnsweredInvalid(string hex, string expected)
    {
        ParseVerdict verdict = InfoRequest.Parse(Convert.FromHexString(hex), out _);

        Assert.Equal((ParseStatus.Refuse, OptionReplyType.ErrInvalid), (verdict.Status, verdict.Reply));
        Assert.Contains(expected, verdict.Reason);
    }

    [Fact]
    public void LongestLegalRequestFitsTheOptionLimit()
    {
        byte[] data = new byte[4 + Limits.MaxStringBytes + 2 + (65_535 * 2)];
        data[2] = Limits.MaxStringBytes >> 8;
        data.AsSpan(4, Limits.MaxStringBytes).Fill((byte)'n');
        data.AsSpan(4 + Limits.MaxStringBytes, 2).Fill(0xff);

        Assert.True(data.Length <= Limits.MaxOptionBytes);
        Assert.True(InfoRequest.Parse(data, out InfoRequest request).IsOk);
        Assert.Equal(Limits.MaxStringBytes, request.Name.Length);
    }

    [Fact]
    public void RepliesRoundTripIntoOneExport()
    {
        var expected = new ExportInfo
        {
            Size = long.MaxValue,
            Flags = TransmissionFlags.HasFlags | TransmissionFlags.SendFlush,
            BlockSize = new BlockSizeConstraints(512, 4096, 1 << 20),
            Name = "größe",
            Description = "for people",
        };
        var builder = new ExportInfoBuilder();
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];

        Take(builder, bytes, OptionReplies.WriteBlockSizeInfo(bytes, NbdOption.Go, expected.BlockSize));
        Take(builder, bytes, OptionReplies.WriteNameInfo(bytes, NbdOption.Go, expected.Name));
        Take(builder, bytes, OptionReplies.WriteDescriptionInfo(bytes, NbdOption.Go, expected.Description));
        Take(builder, bytes, OptionReplies.WriteExportInfo(bytes, NbdOption.Go, expected.Size, expected.Flags));

        Assert.True(builder.Take([0x12, 0x34, 0x56]).IsOk, "a fact that nobody knows is ignored");
        Assert.True(builder.Finish(out ExportInfo? export).IsOk);
        Assert.Equal(expected, export);
    }

    [Fact]
    public void InfoRepliesHaveTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[64];
        int written = OptionReplies.WriteExportInfo(bytes, NbdOption.Info, 0x0102030405060708, TransmissionFlags.HasFlags | TransmissionFlags.ReadOnly);
        Assert.Equal("0003E889045565A9" + "00000006" + "00000003" + "0000000C" + "0000" + "0102030405060708" + "0003",
            Convert.ToHexString(bytes.AsSpan(0, written)));

        written = OptionReplies.WriteBlockSizeInfo(bytes, NbdOption.Info, new BlockSizeConstraints(1, 4096, 0x02000000));
        Assert.Equal("0003E889045565A9" + "00000006" + "00000003" + "0000000E" + "0003" + "00000001" + "00001000" + "02000000",
            Convert.ToHexString(bytes.AsSpan(0, written)));
    }

    [Theory]
    [InlineData("", "at least 2")]
    [InlineData("00", "at least 2")]
    [InlineData("0000" + "0000000000001000" + "00", "EXPORT is 12 bytes")]
    [InlineData("0000" + "0000000000001000" + "0001" + "00", "EXPORT is 12 bytes")]
    [InlineData("0000" + "8000000000000000" + "0001", "2^63")]
    [InlineData("0000" + "0000000000001000" + "0002", "HAS_FLAGS")]
    [InlineData("0001" + "00", "NUL")]
    [InlineData("0001" + "ff", "not UTF-8")]
    [InlineData("0003" + "00000001" + "00001000" + "020000", "BLOCK_SIZE is 14 bytes")]
    [InlineData("0003" + "00000000" + "00001000" + "02000000", "minimum block size is 0")]
    [InlineData("0003" + "00000003" + "00001000" + "02000000", "minimum block size is 3")]
    [InlineData("0003" + "00020000" + "00020000" + "02000000", "minimum block size is 131072")]
    [InlineData("0003" + "00000001" + "00000100" + "02000000", "preferred block size is 256")]
    [InlineData("0003" + "00001000" + "00000800" + "02000000", "preferred block size is 2048")]
    [InlineData("0003" + "00000001" + "00001001" + "02000000", "preferred block size is 4097")]
    [InlineData("0003" + "00001000" + "00001000" + "00000800", "largest payload is 2048")]
    public void BadInfoReplyEndsTheConnection(string hex, string expected)
    {
        ParseVerdict verdict = InfoReply.Parse(Convert.FromHexString(hex), out _);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains(expected, verdict.Reason);
        Assert.Equal(verdict, new ExportInfoBuilder().Take(Convert.FromHexString(hex)));
    }

    [Fact]
    public void OverlongTextsEndTheConnection()
    {
        foreach (InfoType type in new[] { InfoType.Name, InfoType.Description })
        {
            byte[] data = new byte[2 + Limits.MaxStringBytes + 1];
            data.AsSpan().Fill((byte)'x');
            data[0] = 0;
            data[1] = (byte)type;

            Assert.True(InfoReply.Parse(data.AsSpan(0, data.Length - 1), out _).IsOk);
            Assert.Equal(ParseStatus.Drop, InfoReply.Parse(data, out _).Status);
        }
    }

    [Fact]
    public void ExportWithoutItsSizeIsRefused()
    {
        ParseVerdict verdict = new ExportInfoBuilder().Finish(out ExportInfo? export);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains("without telling its size", verdict.Reason);
        Assert.Null(export);
    }

    [Theory]
    [InlineData(2048, true)] // A payload of the whole export is enough.
    [InlineData(1 << 20, false)]
    public void SmallPayloadIsLegalForSmallExportsOnly(ulong size, bool legal)
    {
        byte[] bytes = new byte[64];
        var builder = new ExportInfoBuilder();
        Take(builder, bytes, OptionReplies.WriteBlockSizeInfo(bytes, NbdOption.Go, new BlockSizeConstraints(512, 4096, 2048)));
        Take(builder, bytes, OptionReplies.WriteExportInfo(bytes, NbdOption.Go, size, TransmissionFlags.HasFlags));

        Assert.Equal(legal, builder.Finish(out _).IsOk);
    }

    [Fact]
    public void TextsAreCutBetweenCharacters()
    {
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];
        string text = "a" + new string('é', Limits.MaxStringBytes);
        int written = OptionReplies.WriteDescriptionInfo(bytes, NbdOption.Info, text);

        Assert.Equal(OptionReply.HeaderSize + 2 + Limits.MaxStringBytes - 1, written);
        Assert.Equal(text[..(1 + ((Limits.MaxStringBytes - 1) / 2))],
            Encoding.UTF8.GetString(bytes.AsSpan(OptionReply.HeaderSize + 2, written - OptionReply.HeaderSize - 2)));
    }

    private static void Take(ExportInfoBuilder builder, byte[] bytes, int written)
    {
        Assert.True(OptionReply.Parse(bytes, NbdOption.Go, out OptionReply reply).IsOk);
        Assert.Equal(OptionReplyType.Info, reply.Type);
        Assert.Equal(written, OptionReply.HeaderSize + reply.Length);
        Assert.True(builder.Take(bytes.AsSpan(OptionReply.HeaderSize, reply.Length)).IsOk);
    }
}
