using System.Buffers.Binary;
using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>One test for each published fault of an NBD peer that this layer could have: its input, and what is to become of it.</summary>
public class ProtocolCveTests
{
    private static readonly RequestRules s_rules = new(1ul << 40, TransmissionFlags.HasFlags | TransmissionFlags.SendTrim
        | TransmissionFlags.SendWriteZeroes, BlockSizeConstraints.Default);

    [Theory]
    [InlineData((32u << 20) + 1)]
    [InlineData(0x7fffffffu)]
    [InlineData(0x80000000u)]
    [InlineData(0xffffffffu)]
    public void Cve2005_3534_Cve2011_0530_RequestLongerThanAnyBuffer(uint length)
    {
        foreach (NbdCommand command in new[] { NbdCommand.Read, NbdCommand.Write })
        {
            byte[] wire = new byte[Requests.CompactSize];
            Requests.WriteCompact(wire, NbdCommandFlags.None, command, 1, 0, length);
            Assert.Equal(WireStatus.Ok, Requests.ParseCompact(wire, out NbdRequest request));

            RequestVerdict verdict = s_rules.Check(in request);

            Assert.False(verdict.IsServed);
            Assert.True(verdict.SkipBytes <= Limits.MaxSkippedPayloadBytes);
        }
    }

    [Fact]
    public void Cve2022_26495_NameLengthThatWrapsWhenOneIsAdded()
    {
        byte[] data = new byte[16];
        BinaryPrimitives.WriteUInt32BigEndian(data, uint.MaxValue);

        Assert.Equal(ParseStatus.Refuse, InfoRequest.Parse(data, out _).Status);
        Assert.Equal(ParseStatus.Drop, ServerEntry.Parse(data, out _).Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public void Cve2022_26495_OptionShorterThanItsFixedPart(int length) => Assert.Equal(ParseStatus.Refuse, InfoRequest.Parse(new byte[length], out _).Status);

    [Theory]
    [InlineData(4097)]
    [InlineData(8192)]
    [InlineData(Limits.MaxOptionBytes - 6)]
    public void Cve2022_26496_Cve2017_15118_NameLongerThanItsBuffer(int nameBytes)
    {
        byte[] data = new byte[nameBytes + 6];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)nameBytes);
        data.AsSpan(4, nameBytes).Fill((byte)'n');

        ParseVerdict verdict = InfoRequest.Parse(data, out _);

        Assert.Equal((ParseStatus.Refuse, OptionReplyType.ErrInvalid), (verdict.Status, verdict.Reply));
        Assert.Equal(ParseStatus.Drop, new OptionRequest(NbdOption.ExportName, nameBytes).CheckForm(fixedNewstyle: true).Status);
    }

    [Theory]
    [InlineData(Limits.MaxStringBytes + 1)]
    [InlineData(Limits.MaxOptionBytes - 4)]
    public void Cve2017_2630_ServerReplyLongerThanTheClientsBuffer(int nameBytes)
    {
        byte[] data = new byte[nameBytes + 4];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)nameBytes);
        data.AsSpan(4, nameBytes).Fill((byte)'n');

        Assert.Equal(ParseStatus.Drop, ServerEntry.Parse(data, out _).Status);
    }

    [Theory]
    [InlineData(Limits.MaxOptionBytes + 1u)]
    [InlineData(0x80000000u)]
    [InlineData(0xffffffffu)]
    public void Cve2017_15119_OptionOfGigabytes(uint length)
    {
        byte[] request = new byte[OptionRequest.HeaderSize];
        OptionRequest.WriteHeader(request, (NbdOption)77, (int)length);
        byte[] reply = new byte[OptionReply.HeaderSize];
        OptionReplies.WriteAck(reply, NbdOption.Go);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), (uint)OptionReplyType.ErrInvalid);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(16), length);

        Assert.Equal(ParseStatus.Drop, OptionRequest.Parse(request, 0, out _).Status);
        Assert.Equal(ParseStatus.Drop, OptionReply.Parse(reply, NbdOption.Go, out _).Status);
    }

    [Fact]
    public void Cve2020_10761_ErrorTextAboutTheLongestName()
    {
        string name = new('n', Limits.MaxStringBytes);
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];

        int written = OptionReplies.WriteError(bytes, NbdOption.Go, OptionReplyType.ErrUnknown, $"there is no export \"{name}\"");

        Assert.Equal(OptionReply.HeaderSize + Limits.MaxStringBytes, written);
        Assert.Equal(bytes.Length, OptionReplies.WriteServer(bytes, name, name));
    }

    [Fact]
    public void Cve2017_7539_Cve2019_14851_NothingThatAClientSendsIsAsserted()
    {
        // Every option, in any phase, with any length: a verdict and never an exception.
        for (uint option = 0; option < 20; option++)
        {
            foreach (int length in new[] { 0, 1, 5, 6, 4096, 4097, Limits.MaxOptionBytes })
            {
                Assert.NotEqual(ParseStatus.NeedMore, new OptionRequest((NbdOption)option, length).CheckForm(fixedNewstyle: true).Status);
                Assert.NotEqual(ParseStatus.NeedMore, new OptionRequest((NbdOption)option, length).CheckForm(fixedNewstyle: false).Status);
            }
        }
    }

    [Fact]
    public void Cve2024_7409_HandshakeWithoutEnd()
    {
        byte[] request = new byte[OptionRequest.HeaderSize];
        OptionRequest.WriteHeader(request, NbdOption.List, 0);
        int accepted = 0;
        while (accepted < 1000 && OptionRequest.Parse(request, accepted, out _).IsOk)
        {
            accepted++;
        }

        Assert.Equal(Limits.MaxOptionsPerHandshake, accepted);
    }

    [Theory]
    [InlineData(0ul, true)]
    [InlineData((1ul << 40) - uint.MaxValue, true)]
    [InlineData((1ul << 40) - uint.MaxValue + 1, false)]
    [InlineData(ulong.MaxValue - uint.MaxValue + 1, false)]
    public void Cve2025_47711_Cve2025_47712_LengthOf2To32Minus1(ulong offset, bool inRange)
    {
        foreach (NbdCommand command in new[] { NbdCommand.Trim, NbdCommand.WriteZeroes })
        {
            RequestVerdict verdict = s_rules.Check(new NbdRequest(NbdCommandFlags.None, command, 1, offset, uint.MaxValue));

            Assert.Equal(inRange ? RequestFault.None : RequestFault.OutOfRange, verdict.Fault);
        }

        // Aligned up in 32 bits, 2^32 - 1 is 0; in 64 bits it is refused.
        var aligned = new RequestRules(1ul << 40, TransmissionFlags.HasFlags | TransmissionFlags.SendTrim, new BlockSizeConstraints(4096, 4096, 1 << 20));
        Assert.Equal(RequestFault.Unaligned, aligned.Check(new NbdRequest(NbdCommandFlags.None, NbdCommand.Trim, 1, 0, uint.MaxValue)).Fault);
    }

    [Theory]
    [InlineData(long.MaxValue, ParseStatus.Ok)]
    [InlineData(1ul << 63, ParseStatus.Drop)]
    [InlineData(ulong.MaxValue, ParseStatus.Drop)]
    public void Cve2023_5215_SizeThatLooksNegative(ulong size, ParseStatus expected)
    {
        byte[] bytes = new byte[64];
        int written = OptionReplies.WriteExportInfo(bytes, NbdOption.Go, size, TransmissionFlags.HasFlags);
        Assert.Equal(expected, new ExportInfoBuilder().Take(bytes.AsSpan(OptionReply.HeaderSize, written - OptionReply.HeaderSize)).Status);

        ExportNameReply.Write(bytes, size, TransmissionFlags.HasFlags, noZeroes: true);
        Assert.Equal(expected, ExportNameReply.Parse(bytes, noZeroes: true, out _).Status);
    }

    [Fact]
    public void Cve2023_5871_FlagsAndBitsThatNobodyKnows()
    {
        byte[] bytes = new byte[10];
        ExportNameReply.Write(bytes, 4096, (TransmissionFlags)0xffff, noZeroes: true);

        Assert.True(ExportNameReply.Parse(bytes, noZeroes: true, out ExportInfo? export).IsOk);
        Assert.Equal((TransmissionFlags)0xffff, export!.Flags);
    }

    [Fact]
    public void Cve2022_0485_ErrorOfAReadIsNeverSuccess()
    {
        for (uint wire = 1; wire < 70_000; wire++)
        {
            Assert.NotEqual(0, NbdErrors.FromWire(wire));
        }

        Assert.NotEqual(NbdError.None, NbdErrors.ToWire(int.MinValue));
        Assert.NotEqual(NbdError.None, NbdErrors.ToWire(100_000));
    }

    [Theory]
    [InlineData("nbd://-oProxyCommand=touch%20x/")]
    [InlineData("nbd://-o/")]
    [InlineData("nbd://[-o]/")]
    [InlineData("nbd://[::1%25-o]/")]
    public void Cve2025_14946_HostThatLooksLikeAnOption(string text) => Assert.False(NbdUri.TryParse(text, out _, out _));

    [Fact]
    public void TextOfAPeerCannotDriveATerminal()
    {
        byte[] evil = Encoding.UTF8.GetBytes("\u001b]0;title\u0007\r\nready nbd://elsewhere\u009b2J");

        string text = new OptionReply(NbdOption.Go, OptionReplyType.ErrPolicy, evil.Length).ErrorText(evil);

        Assert.DoesNotContain(text, char.IsControl);
    }
}
