using System.Buffers.Binary;
using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The messages of the handshake: exact bytes, round trips, and one malformed thing at a time.</summary>
public class ProtocolHandshakeTests
{
    private static readonly byte[] s_greeting = Convert.FromHexString("4e42444d41474943" + "49484156454f5054" + "0003");

    [Fact]
    public void GreetingHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[Greeting.Size];
        Greeting.Write(bytes, HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes);

        Assert.Equal(s_greeting, bytes);
        Assert.True(Greeting.Parse(bytes, out HandshakeFlags flags).IsOk);
        Assert.Equal(HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes, flags);
    }

    [Theory]
    [InlineData("4e42444d41474944" + "49484156454f5054" + "0003", "no NBD server")]
    [InlineData("5353482d322e302d" + "4f70656e53534800" + "0000", "\"SSH-2.0-\"")]
    [InlineData("4e42444d41474943" + "49484156454f5055" + "0003", "expected IHAVEOPT")]
    [InlineData("4e42444d41474943" + "0000420281861253" + "0000", "oldstyle")]
    public void GreetingOfSomethingElseIsRefusedByName(string hex, string expected)
    {
        ParseVerdict verdict = Greeting.Parse(Convert.FromHexString(hex), out _);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains(expected, verdict.Reason);
    }

    [Theory]
    [InlineData(0u, ParseStatus.Ok)]
    [InlineData(1u, ParseStatus.Ok)]
    [InlineData(3u, ParseStatus.Ok)]
    [InlineData(4u, ParseStatus.Drop)]
    [InlineData(0x80000001u, ParseStatus.Drop)]
    public void ClientFlagsThatNobodyKnowsEndTheConnection(uint answer, ParseStatus expected)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, answer);

        Assert.Equal(expected, Greeting.ParseAnswer(bytes, HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes, out ClientFlags flags).Status);
        Assert.Equal(expected == ParseStatus.Ok ? (ClientFlags)answer : ClientFlags.None, flags);
    }

    [Fact]
    public void ClientFlagThatWasNotOfferedEndsTheConnection()
    {
        byte[] bytes = new byte[4];
        Greeting.WriteAnswer(bytes, ClientFlags.FixedNewstyle | ClientFlags.NoZeroes);

        ParseVerdict verdict = Greeting.ParseAnswer(bytes, HandshakeFlags.FixedNewstyle, out _);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains("0x00000002", verdict.Reason);
    }

    [Theory]
    [InlineData((HandshakeFlags)0, ClientFlags.None)]
    [InlineData((HandshakeFlags)0xffff, ClientFlags.FixedNewstyle | ClientFlags.NoZeroes)]
    [InlineData(HandshakeFlags.NoZeroes, ClientFlags.NoZeroes)]
    public void ClientAnswersWhatItKnows(HandshakeFlags offered, ClientFlags answer) => Assert.Equal(answer, Greeting.AnswerTo(offered));

    [Fact]
    public void OptionHeaderHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[OptionRequest.HeaderSize];

        Assert.Equal(16, OptionRequest.WriteHeader(bytes, NbdOption.Go, 0x1234));
        Assert.Equal("49484156454F50540000000700001234", Convert.ToHexString(bytes));
        Assert.True(OptionRequest.Parse(bytes, 0, out OptionRequest request).IsOk);
        Assert.Equal(new OptionRequest(NbdOption.Go, 0x1234), request);
    }

    [Theory]
    [InlineData("49484156454f5055" + "00000007" + "00000000", 0, "expected IHAVEOPT")]
    [InlineData("49484156454f5054" + "00000007" + "00040001", 0, "262145 bytes")]
    [InlineData("49484156454f5054" + "00000007" + "ffffffff", 0, "4294967295 bytes")]
    [InlineData("49484156454f5054" + "00000007" + "00000000", 32, "more than 32 options")]
    public void BadOptionHeaderEndsTheConnection(string hex, int optionsBefore, string expected)
    {
        ParseVerdict verdict = OptionRequest.Parse(Convert.FromHexString(hex), optionsBefore, out _);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains(expected, verdict.Reason);
    }

    [Theory]
    [InlineData((NbdOption)0x7654321, 4, true, ParseStatus.Ok)] // The server answers UNSUP once the data is consumed.
    [InlineData(NbdOption.Abort, 4, true, ParseStatus.Ok)]
    [InlineData(NbdOption.List, 0, true, ParseStatus.Ok)]
    [InlineData(NbdOption.List, 1, true, ParseStatus.Refuse)]
    [InlineData(NbdOption.StartTls, 1, true, ParseStatus.Refuse)]
    [InlineData(NbdOption.StructuredReply, 1, true, ParseStatus.Refuse)]
    [InlineData(NbdOption.ExtendedHeaders, 1, true, ParseStatus.Refuse)]
    [InlineData(NbdOption.ExportName, 4096, true, ParseStatus.Ok)]
    [InlineData(NbdOption.ExportName, 4097, true, ParseStatus.Drop)]
    [InlineData(NbdOption.ExportName, 0, false, ParseStatus.Ok)]
    [InlineData(NbdOption.Go, 6, false, ParseStatus.Drop)]
    public void OptionIsJudgedByItsHeader(NbdOption option, int length, bool fixedNewstyle, ParseStatus expected)
    {
        ParseVerdict verdict = new OptionRequest(option, length).CheckForm(fixedNewstyle);

        Assert.Equal(expected, verdict.Status);
        Assert.Equal(expected == ParseStatus.Refuse ? OptionReplyType.ErrInvalid : 0, verdict.Reply);
    }

    [Fact]
    public void ExportNameOptionRoundTrips()
    {
        byte[] bytes = new byte[OptionRequest.HeaderSize + Limits.MaxStringBytes];
        int written = OptionRequest.WriteExportName(bytes, "größe");

        Assert.True(OptionRequest.Parse(bytes, 0, out OptionRequest request).IsOk);
        Assert.Equal(new OptionRequest(NbdOption.ExportName, written - OptionRequest.HeaderSize), request);
        Assert.True(ExportName.TryDecode(bytes.AsSpan(OptionRequest.HeaderSize, request.Length), out string name, out _));
        Assert.Equal("größe", name);
    }

    [Theory]
    [InlineData(true, 10)]
    [InlineData(false, 134)]
    public void ExportNameReplyRoundTrips(bool noZeroes, int size)
    {
        byte[] bytes = new byte[ExportNameReply.MaxSize];
        bytes.AsSpan().Fill(0xee);

        Assert.Equal(size, ExportNameReply.Write(bytes, 0x0102030405060708, TransmissionFlags.HasFlags | TransmissionFlags.SendTrim, noZeroes));
        Assert.Equal("01020304050607080021", Convert.ToHexString(bytes.AsSpan(0, 10)));
        Assert.All(bytes[10..size], b => Assert.Equal(0, b));
        Assert.All(bytes[size..], b => Assert.Equal(0xee, b));
        Assert.Equal(ParseStatus.NeedMore, ExportNameReply.Parse(bytes.AsSpan(0, size - 1), noZeroes, out _).Status);
        Assert.True(ExportNameReply.Parse(bytes.AsSpan(0, size), noZeroes, out ExportInfo? export).IsOk);
        Assert.Equal(new ExportInfo { Size = 0x0102030405060708, Flags = TransmissionFlags.HasFlags | TransmissionFlags.SendTrim }, export);
    }

    [Theory]
    [InlineData(0x8000000000000000, 1, "2^63")]
    [InlineData(ulong.MaxValue, 1, "2^63")]
    [InlineData(4096, 0, "HAS_FLAGS")]
    public void ExportThatNoClientCanWorkWithIsRefused(ulong size, ushort flags, string expected)
    {
        byte[] bytes = new byte[10];
        ExportNameReply.Write(bytes, size, (TransmissionFlags)flags, noZeroes: true);

        ParseVerdict verdict = ExportNameReply.Parse(bytes, noZeroes: true, out ExportInfo? export);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains(expected, verdict.Reason);
        Assert.Null(export);
    }

    [Fact]
    public void OptionReplyHeaderHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[OptionReply.HeaderSize];

        Assert.Equal(20, OptionReplies.WriteAck(bytes, NbdOption.Abort));
        Assert.Equal("0003E889045565A9000000020000000100000000", Convert.ToHexString(bytes));
    }

    [Theory]
    [InlineData("0003e889045565aa" + "00000007" + "00000001" + "00000000", "where an option reply begins")]
    [InlineData("0003e889045565a9" + "00000006" + "00000001" + "00000000", "answered option 6, but 7 was sent")]
    [InlineData("0003e889045565a9" + "00000007" + "00000003" + "00040001", "262145 bytes")]
    [InlineData("0003e889045565a9" + "00000007" + "80000001" + "ffffffff", "4294967295 bytes")]
    [InlineData("0003e889045565a9" + "00000007" + "00000001" + "00000001", "ACK")]
    public void BadOptionReplyEndsTheConnection(string hex, string expected)
    {
        ParseVerdict verdict = OptionReply.Parse(Convert.FromHexString(hex), NbdOption.Go, out _);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains(expected, verdict.Reason);
    }

    [Theory]
    [InlineData("", "ERR_UNKNOWN (no such export)")]
    [InlineData("no export \"x\"", "ERR_UNKNOWN (no such export): no export \"x\"")]
    [InlineData("evil\u001b[2Jtext\n", "ERR_UNKNOWN (no such export): evil?[2Jtext?")]
    public void ErrorReplyCarriesItsText(string text, string expected)
    {
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];
        int written = OptionReplies.WriteError(bytes, NbdOption.Go, OptionReplyType.ErrUnknown, text);

        Assert.True(OptionReply.Parse(bytes, NbdOption.Go, out OptionReply reply).IsOk);
        Assert.True(reply.Type.IsError());
        Assert.Equal(written, OptionReply.HeaderSize + reply.Length);
        Assert.Equal(expected, reply.ErrorText(bytes.AsSpan(OptionReply.HeaderSize, reply.Length)));
    }

    [Fact]
    public void ErrorTypesThatNobodyKnowsAreErrorsStill()
    {
        Assert.True(((OptionReplyType)0x80001234).IsError());
        Assert.Contains("0x80001234", ((OptionReplyType)0x80001234).Text());
        Assert.False(OptionReplyType.Info.IsError());
    }

    [Theory]
    [InlineData("disk", "a description")]
    [InlineData("", "")]
    [InlineData("naïve ☃ 🚂", "")]
    public void ServerReplyRoundTrips(string name, string description)
    {
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];
        int written = OptionReplies.WriteServer(bytes, name, description);

        Assert.True(OptionReply.Parse(bytes, NbdOption.List, out OptionReply reply).IsOk);
        Assert.Equal(OptionReplyType.Server, reply.Type);
        Assert.Equal(written, OptionReply.HeaderSize + reply.Length);
        Assert.True(ServerEntry.Parse(bytes.AsSpan(OptionReply.HeaderSize, reply.Length), out ServerEntry entry).IsOk);
        Assert.Equal(new ServerEntry(name, description), entry);
    }

    [Theory]
    [InlineData("", "at least 4 bytes")]
    [InlineData("000000", "at least 4 bytes")]
    [InlineData("0000000241", "2 bytes long")]
    [InlineData("ffffffff41", "4294967295 bytes long")]
    [InlineData("0000000100", "NUL")]
    [InlineData("00000001ff", "not UTF-8")]
    public void BadServerReplyEndsTheConnection(string hex, string expected)
    {
        ParseVerdict verdict = ServerEntry.Parse(Convert.FromHexString(hex), out _);

        Assert.Equal(ParseStatus.Drop, verdict.Status);
        Assert.Contains(expected, verdict.Reason);
    }

    [Theory]
    [InlineData(4096, "")]
    [InlineData(4097, "4097 bytes")]
    public void NamesEndAtTheLimit(int bytes, string expected)
    {
        // Two bytes per character: the limit counts bytes.
        string name = new('é', bytes / 2);
        name += bytes % 2 == 1 ? "e" : string.Empty;

        Assert.Equal(expected.Length == 0, ExportName.TryCheck(name, out string error));
        Assert.Contains(expected, error);
        Assert.Equal(expected.Length == 0, ExportName.TryDecode(Encoding.UTF8.GetBytes(name), out _, out error));
        Assert.Contains(expected, error);
    }

    [Fact]
    public void NamesOfOurOwnAreChecked()
    {
        foreach ((string name, string expected) in new[] { ("a\0b", "NUL"), ("a\ud800b", "UTF-8") })
        {
            Assert.False(ExportName.TryCheck(name, out string error));
            Assert.Contains(expected, error);
            Assert.Throws<ArgumentException>(() => OptionRequest.WriteExportName(new byte[64], name));
        }
    }
}
