using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What a request may ask of an export, one fault at a time.</summary>
public class ProtocolRulesTests
{
    private const ulong Size = 1ul << 30;

    private const TransmissionFlags All = TransmissionFlags.HasFlags | TransmissionFlags.SendFlush | TransmissionFlags.SendFua
        | TransmissionFlags.SendTrim | TransmissionFlags.SendWriteZeroes
        | TransmissionFlags.SendDf | TransmissionFlags.SendCache | TransmissionFlags.SendFastZero;

    private static readonly NbdCommand[] s_commands =
    [
        NbdCommand.Read, NbdCommand.Write, NbdCommand.Flush, NbdCommand.Trim, NbdCommand.Cache, NbdCommand.WriteZeroes,
    ];

    [Theory]
    [InlineData(NbdCommand.Read, 0ul, 4096ul)]
    [InlineData(NbdCommand.Read, Size - 1, 1ul)]
    [InlineData(NbdCommand.Read, 0ul, 32ul << 20)]
    [InlineData(NbdCommand.Write, 0ul, 32ul << 20)]
    [InlineData(NbdCommand.Write, Size - 4096, 4096ul)]
    [InlineData(NbdCommand.Flush, 0ul, 0ul)]
    [InlineData(NbdCommand.Trim, 0ul, Size)]
    [InlineData(NbdCommand.Cache, 0ul, Size)]
    [InlineData(NbdCommand.WriteZeroes, 0ul, Size)]
    public void GoodRequestsAreServed(NbdCommand command, ulong offset, ulong length)
    {
        RequestVerdict verdict = Check(All, command, offset, length);

        Assert.Equal(new RequestVerdict(RequestAction.Serve, RequestFault.None, NbdError.None, 0), verdict);
        Assert.True(verdict.IsServed);
    }

    [Theory]
    [InlineData(NbdCommand.Read, Size, 1ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Read, Size + 1, 0ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Read, Size - 1, 2ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Read, ulong.MaxValue, 1ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Read, ulong.MaxValue - 4095, 4096ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Read, 1ul, ulong.MaxValue, NbdError.EINVAL)]
    [InlineData(NbdCommand.Trim, Size - 1, 2ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Cache, Size - 1, 2ul, NbdError.EINVAL)]
    [InlineData(NbdCommand.Write, Size - 1, 2ul, NbdError.ENOSPC)]
    [InlineData(NbdCommand.Write, Size + 1, 0ul, NbdError.ENOSPC)]
    [InlineData(NbdCommand.Write, ulong.MaxValue, 4096ul, NbdError.ENOSPC)]
    [InlineData(NbdCommand.WriteZeroes, Size - 1, 2ul, NbdError.ENOSPC)]
    [InlineData(NbdCommand.WriteZeroes, 1ul, ulong.MaxValue, NbdError.ENOSPC)]
    public void RangesEndWithTheExport(NbdCommand command, ulong offset, ulong length, NbdError error)
        => AssertRefused(Check(All, command, offset, length), RequestFault.OutOfRange, error, command == NbdCommand.Write ? (uint)length : 0);

    [Theory]
    [InlineData((NbdCommand)9, RequestFault.UnknownCommand)]
    [InlineData((NbdCommand)0xffff, RequestFault.UnknownCommand)]
    [InlineData(NbdCommand.Resize, RequestFault.CommandNotOffered)]
    [InlineData(NbdCommand.BlockStatus, RequestFault.NoMetaContext)]
    public void CommandsThatCannotBeServedAreInvalid(NbdCommand command, RequestFault fault)
        => AssertRefused(Check(All, command, 0, 4096), fault, NbdError.EINVAL, 0);

    [Theory]
    [InlineData(NbdCommand.Flush, TransmissionFlags.SendFlush)]
    [InlineData(NbdCommand.Trim, TransmissionFlags.SendTrim)]
    [InlineData(NbdCommand.Cache, TransmissionFlags.SendCache)]
    [InlineData(NbdCommand.WriteZeroes, TransmissionFlags.SendWriteZeroes)]
    public void CommandsThatWereNotOfferedAreInvalid(NbdCommand command, TransmissionFlags flag)
    {
        Assert.True(Check(All, command, 0, 0).Action is RequestAction.Serve or RequestAction.Succeed);
        AssertRefused(Check(All & ~flag, command, 0, 0), RequestFault.CommandNotOffered, NbdError.EINVAL, 0);
    }

    [Theory]
    [InlineData(NbdCommand.Read, NbdCommandFlags.Fua | NbdCommandFlags.Df)]
    [InlineData(NbdCommand.Write, NbdCommandFlags.Fua)]
    [InlineData(NbdCommand.Flush, NbdCommandFlags.Fua)]
    [InlineData(NbdCommand.Trim, NbdCommandFlags.Fua)]
    [InlineData(NbdCommand.Cache, NbdCommandFlags.Fua)]
    [InlineData(NbdCommand.WriteZeroes, NbdCommandFlags.Fua | NbdCommandFlags.NoHole | NbdCommandFlags.FastZero)]
    public void EachCommandHasItsFlags(NbdCommand command, NbdCommandFlags legal)
    {
        for (int bit = 0; bit < 16; bit++)
        {
            var flag = (NbdCommandFlags)(1 << bit);
            RequestVerdict verdict = Check(All, command, 0, command == NbdCommand.Flush ? 0 : 4096ul, flag);
            if ((legal & flag) != 0)
            {
                Assert.True(verdict.IsServed, $"{command} {flag}: {verdict}");
                continue;
            }

            // PAYLOAD_LEN is bit 5, and belongs to extended headers.
            AssertRefused(verdict, bit >= 5 ? RequestFault.UnknownFlag : RequestFault.FlagOfOtherCommand, NbdError.EINVAL,
                command == NbdCommand.Write ? 4096u : 0);
        }
    }

    [Theory]
    [InlineData(NbdCommand.Write, NbdCommandFlags.Fua, TransmissionFlags.SendFua)]
    [InlineData(NbdCommand.Read, NbdCommandFlags.Fua, TransmissionFlags.SendFua)]
    [InlineData(NbdCommand.Read, NbdCommandFlags.Df, TransmissionFlags.SendDf)]
    [InlineData(NbdCommand.WriteZeroes, NbdCommandFlags.FastZero, TransmissionFlags.SendFastZero)]
    public void FlagsThatWereNotOfferedAreInvalid(NbdCommand command, NbdCommandFlags flag, TransmissionFlags offer)
    {
        Assert.True(Check(All, command, 0, 4096, flag).IsServed);
        AssertRefused(Check(All & ~offer, command, 0, 4096, flag), RequestFault.FlagNotOffered, NbdError.EINVAL, command == NbdCommand.Write ? 4096u : 0);
    }

    [Theory]
    [InlineData(NbdCommand.Write)]
    [InlineData(NbdCommand.Trim)]
    [InlineData(NbdCommand.WriteZeroes)]
    public void ReadOnlyExportsRefuseWritesOfAnyKind(NbdCommand command)
    {
        uint skipped = command == NbdCommand.Write ? 4096u : 0;

        AssertRefused(Check(All | TransmissionFlags.ReadOnly, command, 0, 4096), RequestFault.ReadOnly, NbdError.EPERM, skipped);
        AssertRefused(Check(TransmissionFlags.HasFlags | TransmissionFlags.ReadOnly, command, 0, 4096), RequestFault.ReadOnly, NbdError.EPERM, skipped);
    }

    [Theory]
    [InlineData(NbdCommand.Read)]
    [InlineData(NbdCommand.Flush)]
    [InlineData(NbdCommand.Cache)]
    public void ReadOnlyExportsServeTheRest(NbdCommand command)
        => Assert.True(Check(All | TransmissionFlags.ReadOnly, command, 0, command == NbdCommand.Flush ? 0 : 4096ul).IsServed);

    [Theory]
    [InlineData(32u << 20, RequestAction.Serve, RequestFault.None, 0u)]
    [InlineData((32u << 20) + 1, RequestAction.Refuse, RequestFault.TooLarge, (32u << 20) + 1)]
    [InlineData(64u << 20, RequestAction.Refuse, RequestFault.TooLarge, 64u << 20)]
    [InlineData((64u << 20) + 1, RequestAction.Drop, RequestFault.FarTooLarge, 0u)]
    [InlineData(uint.MaxValue, RequestAction.Drop, RequestFault.FarTooLarge, 0u)]
    public void OversizeWritesAreSkippedUpToABound(uint length, RequestAction action, RequestFault fault, uint skipped)
        => Assert.Equal(new RequestVerdict(action, fault, action == RequestAction.Serve ? NbdError.None : NbdError.EINVAL, skipped),
            Check(All, NbdCommand.Write, 0, length));

    [Fact]
    public void OversizeReadsOverflow()
    {
        AssertRefused(Check(All, NbdCommand.Read, 0, (32ul << 20) + 1), RequestFault.TooLarge, NbdError.EOVERFLOW, 0);
        AssertRefused(Check(All, NbdCommand.Read, 0, Size), RequestFault.TooLarge, NbdError.EOVERFLOW, 0);
    }

    [Fact]
    public void AnnouncedPayloadBoundsReadsAndWritesOnly()
    {
        var rules = new RequestRules(Size, All, new BlockSizeConstraints(1, 4096, 65_536));

        Assert.Equal(65_536u, rules.MaxPayloadBytes);
        AssertRefused(rules.Check(Request(NbdCommand.Read, 0, 65_537)), RequestFault.TooLarge, NbdError.EOVERFLOW, 0);
        AssertRefused(rules.Check(Request(NbdCommand.Write, 0, 65_537)), RequestFault.TooLarge, NbdError.EINVAL, 65_537);
        Assert.True(rules.Check(Request(NbdCommand.Trim, 0, 65_537)).IsServed);
        Assert.True(rules.Check(Request(NbdCommand.WriteZeroes, 0, 65_537)).IsServed);
        Assert.True(rules.Check(Request(NbdCommand.Cache, 0, 65_537)).IsServed);
    }

    [Fact]
    public void UnlimitedPayloadIsStillOurLimit()
        => Assert.Equal(Limits.MaxPayloadBytes, new RequestRules(Size, All, new BlockSizeConstraints(1, 4096, uint.MaxValue)).MaxPayloadBytes);

    [Theory]
    [InlineData(512ul, 4096ul)]
    [InlineData(4096ul, 512ul)]
    [InlineData(4095ul, 4096ul)]
    [InlineData(4096ul, 4097ul)]
    public void UnalignedRequestsAreInvalid(ulong offset, ulong length)
    {
        var rules = new RequestRules(Size, All, new BlockSizeConstraints(4096, 4096, 1 << 20));
        foreach (NbdCommand command in s_commands.Where(c => c != NbdCommand.Flush))
        {
            AssertRefused(rules.Check(Request(command, offset, length)), RequestFault.Unaligned, NbdError.EINVAL,
                command == NbdCommand.Write ? (uint)length : 0);
            Assert.True(rules.Check(Request(command, 4096, 8192)).IsServed);
        }

        Assert.True(rules.Check(Request(NbdCommand.Flush, 0, 0)).IsServed);
    }

    [Theory]
    [InlineData(1ul, 0ul)]
    [InlineData(0ul, 1ul)]
    [InlineData(ulong.MaxValue, 0ul)]
    public void FlushHasNoRange(ulong offset, ulong length)
        => AssertRefused(Check(All, NbdCommand.Flush, offset, length), RequestFault.FlushWithRange, NbdError.EINVAL, 0);

    [Theory]
    [InlineData(0ul)]
    [InlineData(7ul)]
    [InlineData(Size)]
    public void RequestsOfNothingSucceed(ulong offset)
    {
        var rules = new RequestRules(Size, All, new BlockSizeConstraints(4096, 4096, 1 << 20));
        foreach (NbdCommand command in s_commands.Where(c => c != NbdCommand.Flush))
        {
            Assert.Equal(new RequestVerdict(RequestAction.Succeed, RequestFault.None, NbdError.None, 0), rules.Check(Request(command, offset, 0)));
        }
    }

    [Fact]
    public void LeavingIsAlwaysAllowed()
    {
        Assert.Equal(RequestAction.Disconnect, Check(TransmissionFlags.HasFlags, NbdCommand.Disconnect, 0, 0).Action);
        Assert.Equal(RequestAction.Disconnect,
            Check(TransmissionFlags.HasFlags, NbdCommand.Disconnect, ulong.MaxValue, uint.MaxValue, (NbdCommandFlags)0xffff).Action);
    }

    [Theory]
    [InlineData(NbdCommand.Read, Size, 512ul, NbdCommandFlags.None, "READ of 512 bytes at 1073741824 does not lie within the export's 1073741824 bytes")]
    [InlineData((NbdCommand)77, 0ul, 0ul, NbdCommandFlags.None, "command 77 is not in the protocol")]
    [InlineData(NbdCommand.Write, 0ul, 512ul, NbdCommandFlags.Df | NbdCommandFlags.Fua, "WRITE cannot have the flags 0x0004")]
    [InlineData(NbdCommand.Read, 0ul, 512ul, (NbdCommandFlags)0x8001, "READ has flags 0x8000, which are not known here")]
    [InlineData(NbdCommand.Read, 0ul, 64ul << 20, NbdCommandFlags.None, "more than the largest payload, 33554432")]
    [InlineData(NbdCommand.Write, 0ul, 65ul << 20, NbdCommandFlags.None, "the connection is closed")]
    public void RefusalsAreExplainedWithTheirNumbers(NbdCommand command, ulong offset, ulong length, NbdCommandFlags flags, string expected)
    {
        var rules = new RequestRules(Size, All, BlockSizeConstraints.Default);
        NbdRequest request = Request(command, offset, length, flags);

        Assert.Contains(expected, rules.Explain(rules.Check(in request), in request));
    }

    [Fact]
    public void EveryFaultHasItsOwnText()
    {
        var rules = new RequestRules(Size, All, BlockSizeConstraints.Default);
        NbdRequest request = Request(NbdCommand.Read, 1, 2);

        Assert.All(
            Enum.GetValues<RequestFault>().GroupBy(fault => rules.Explain(new RequestVerdict(RequestAction.Refuse, fault, NbdError.EINVAL, 0), in request)),
            texts => Assert.Single(texts));
    }

    [Theory]
    [InlineData(1u, 512u, 512u, true)]
    [InlineData(65_536u, 65_536u, 65_536u, true)]
    [InlineData(1u, 4096u, uint.MaxValue, true)]
    [InlineData(0u, 4096u, 1u << 20, false)]
    [InlineData(3u, 4096u, 1u << 20, false)]
    [InlineData(131_072u, 131_072u, 1u << 20, false)]
    [InlineData(1u, 256u, 1u << 20, false)]
    [InlineData(1u, 0u, 1u << 20, false)]
    [InlineData(4096u, 512u, 1u << 20, false)]
    [InlineData(1u, 5000u, 1u << 20, false)]
    [InlineData(1u, 4096u, 2048u, false)]
    [InlineData(1u, 4096u, 0u, false)]
    public void BlockSizesHaveRules(uint minimum, uint preferred, uint maximumPayload, bool legal)
    {
        var blockSize = new BlockSizeConstraints(minimum, preferred, maximumPayload);

        Assert.Equal(legal, blockSize.TryCheck(Size, out string error));
        Assert.Equal(legal, error.Length == 0);
        if (!legal)
        {
            Assert.Throws<ArgumentException>(() => new RequestRules(Size, All, blockSize));
        }
    }

    [Fact]
    public void ExportsEndBelow2To63()
    {
        Assert.Equal(Limits.MaxExportBytes, new RequestRules(long.MaxValue, All, BlockSizeConstraints.Default).ExportSize);
        Assert.Throws<ArgumentException>(() => new RequestRules(1ul << 63, All, BlockSizeConstraints.Default));
    }

    private static RequestVerdict Check(TransmissionFlags transmission, NbdCommand command, ulong offset, ulong length,
        NbdCommandFlags flags = NbdCommandFlags.None)
        => new RequestRules(Size, transmission, BlockSizeConstraints.Default).Check(Request(command, offset, length, flags));

    private static NbdRequest Request(NbdCommand command, ulong offset, ulong length, NbdCommandFlags flags = NbdCommandFlags.None)
        => new(flags, command, 1, offset, length);

    private static void AssertRefused(RequestVerdict verdict, RequestFault fault, NbdError error, uint skipped)
        => Assert.Equal(new RequestVerdict(RequestAction.Refuse, fault, error, skipped), verdict);
}
