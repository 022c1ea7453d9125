using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Requests, simple replies and error numbers on the wire.</summary>
public class ProtocolRequestTests
{
    private const string CompactHex = "25609513" + "0011" + "0006" + "1112131415161718" + "0102030405060708" + "A1A2A3A4";
    private const string ExtendedHex = "21E41C71" + "0021" + "0001" + "1112131415161718" + "0102030405060708" + "A1A2A3A4A5A6A7A8";

    [Fact]
    public void CompactRequestHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[Requests.CompactSize];
        Requests.WriteCompact(bytes, NbdCommandFlags.Fua | NbdCommandFlags.FastZero, NbdCommand.WriteZeroes, 0x1112131415161718, 0x0102030405060708,
            0xa1a2a3a4);

        Assert.Equal(CompactHex, Convert.ToHexString(bytes));
        Assert.Equal(WireStatus.Ok, Requests.ParseCompact(bytes, out NbdRequest request));
        Assert.Equal(new NbdRequest(NbdCommandFlags.Fua | NbdCommandFlags.FastZero, NbdCommand.WriteZeroes, 0x1112131415161718, 0x0102030405060708,
            0xa1a2a3a4), request);
        Assert.Equal(0ul, request.PayloadBytes);
    }

    [Fact]
    public void ExtendedRequestHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[Requests.ExtendedSize];
        Requests.WriteExtended(bytes, NbdCommandFlags.Fua | NbdCommandFlags.PayloadLen, NbdCommand.Write, 0x1112131415161718, 0x0102030405060708,
            0xa1a2a3a4a5a6a7a8);

        Assert.Equal(ExtendedHex, Convert.ToHexString(bytes));
        Assert.Equal(WireStatus.Ok, Requests.ParseExtended(bytes, out NbdRequest request));
        Assert.Equal(new NbdRequest(NbdCommandFlags.Fua | NbdCommandFlags.PayloadLen, NbdCommand.Write, 0x1112131415161718, 0x0102030405060708,
            0xa1a2a3a4a5a6a7a8)
        { IsExtended = true }, request);
    }

    [Fact]
    public void WrongMagicIsSeenAsSoonAsItIsThere()
    {
        byte[] compact = Convert.FromHexString(CompactHex);
        byte[] extended = Convert.FromHexString(ExtendedHex);

        Assert.Equal(WireStatus.BadMagic, Requests.ParseExtended(compact, out _));
        Assert.Equal(WireStatus.BadMagic, Requests.ParseCompact(extended, out _));
        Assert.Equal(WireStatus.BadMagic, Requests.ParseCompact(extended.AsSpan(0, 4), out _));
        Assert.Equal(WireStatus.NeedMore, Requests.ParseCompact(extended.AsSpan(0, 3), out _));
    }

    [Fact]
    public void FieldsThatNobodyKnowsAreKept()
    {
        Assert.Equal(WireStatus.Ok, Requests.ParseCompact(Convert.FromHexString("25609513" + "ffff" + "7777" + new string('f', 40)), out NbdRequest request));
        Assert.Equal(new NbdRequest((NbdCommandFlags)0xffff, (NbdCommand)0x7777, ulong.MaxValue, ulong.MaxValue, uint.MaxValue), request);
    }

    [Fact]
    public void SimpleReplyHasTheBytesOfTheProtocol()
    {
        byte[] bytes = new byte[Replies.SimpleSize];
        Replies.WriteSimple(bytes, NbdError.ENOSPC, 0x1112131415161718);

        Assert.Equal("67446698" + "0000001C" + "1112131415161718", Convert.ToHexString(bytes));
        Assert.Equal(WireStatus.Ok, Replies.ParseSimple(bytes, out uint error, out ulong cookie));
        Assert.Equal((28u, 0x1112131415161718ul), (error, cookie));
        Assert.True(Replies.TryReadSimple(bytes, out uint magic, out error, out cookie));
        Assert.Equal((NbdMagic.SimpleReply, 28u, 0x1112131415161718ul), (magic, error, cookie));
    }

    [Fact]
    public void StructuredReplyIsNoSimpleReply()
    {
        byte[] bytes = Convert.FromHexString("668e33ef" + "00000000" + "1112131415161718");

        Assert.Equal(WireStatus.BadMagic, Replies.ParseSimple(bytes, out _, out _));
        Assert.Equal(WireStatus.BadMagic, Replies.ParseSimple(bytes.AsSpan(0, 4), out _, out _));
        Assert.False(Replies.TryReadSimple(bytes, out uint magic, out _, out _));
        Assert.Equal(NbdMagic.StructuredReply, magic);
    }

    [Fact]
    public void ShortDestinationIsLeftUntouched()
    {
        byte[] bytes = new byte[Requests.CompactSize - 1];

        Assert.ThrowsAny<ArgumentException>(() => Requests.WriteCompact(bytes, 0, NbdCommand.Read, 1, 2, 3));
        Assert.All(bytes, b => Assert.Equal(0, b));
        Assert.ThrowsAny<ArgumentException>(() => Replies.WriteSimple(bytes.AsSpan(0, 15), NbdError.None, 1));
        Assert.All(bytes, b => Assert.Equal(0, b));
    }

    [Fact]
    public void TransmissionPathAllocatesNothing()
    {
        byte[] bytes = new byte[Requests.ExtendedSize];
        var rules = new RequestRules(1 << 20, TransmissionFlags.HasFlags | TransmissionFlags.SendFua, BlockSizeConstraints.Default);
        Exercise(bytes, rules);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Exercise(bytes, rules);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData(0, NbdError.None)]
    [InlineData(1, NbdError.EPERM)]
    [InlineData(5, NbdError.EIO)]
    [InlineData(12, NbdError.ENOMEM)]
    [InlineData(22, NbdError.EINVAL)]
    [InlineData(28, NbdError.ENOSPC)]
    [InlineData(-28, NbdError.ENOSPC)]
    [InlineData(75, NbdError.EOVERFLOW)]
    [InlineData(95, NbdError.ENOTSUP)]
    [InlineData(108, NbdError.ESHUTDOWN)]
    [InlineData(30, NbdError.EPERM)] // EROFS
    [InlineData(27, NbdError.ENOSPC)] // EFBIG
    [InlineData(122, NbdError.ENOSPC)] // EDQUOT
    [InlineData(110, NbdError.EIO)] // ETIMEDOUT: the wire has no code for it.
    [InlineData(4095, NbdError.EIO)]
    [InlineData(int.MinValue, NbdError.EIO)]
    public void ServerSendsWhatTheWireCanSay(int errno, NbdError expected) => Assert.Equal(expected, NbdErrors.ToWire(errno));

    [Theory]
    [InlineData(0u, 0)]
    [InlineData(28u, 28)]
    [InlineData(108u, 108)]
    [InlineData(2u, 22)]
    [InlineData(4096u, 22)]
    [InlineData(uint.MaxValue, 22)]
    public void ClientTakesUnknownErrorsForInvalid(uint wire, int expected) => Assert.Equal(expected, NbdErrors.FromWire(wire));

    [Theory]
    [InlineData(28, "ENOSPC", "ENOSPC: No space left on device")]
    [InlineData(-28, "ENOSPC", "ENOSPC: No space left on device")]
    [InlineData(5, "EIO", "EIO: Input/output error")]
    [InlineData(111, "ECONNREFUSED", "ECONNREFUSED: Connection refused")]
    [InlineData(133, "EHWPOISON", "EHWPOISON: Memory page has hardware error")]
    [InlineData(0, "errno 0", "errno 0: Unknown error")]
    [InlineData(4095, "errno 4095", "errno 4095: Unknown error")]
    [InlineData(int.MinValue, "errno -2147483648", "errno -2147483648: Unknown error")]
    public void ErrorNumbersHaveWords(int errno, string name, string text)
    {
        Assert.Equal(name, ErrnoText.NameOf(errno));
        Assert.Equal(text, ErrnoText.Of(errno));
    }

    private static void Exercise(byte[] bytes, RequestRules rules)
    {
        Requests.WriteCompact(bytes, NbdCommandFlags.Fua, NbdCommand.Read, 1, 1 << 20, 4096);
        Requests.ParseCompact(bytes, out NbdRequest request);
        rules.Check(in request);
        Requests.WriteExtended(bytes, NbdCommandFlags.None, NbdCommand.Write, 1, 0, 4096);
        Requests.ParseExtended(bytes, out request);
        rules.Check(in request);
        Replies.WriteSimple(bytes, NbdErrors.ToWire(28), 1);
        Replies.ParseSimple(bytes, out uint error, out _);
        NbdErrors.FromWire(error);
    }
}
