using System.Buffers.Binary;
using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Structured replies, extended headers and metadata contexts in the handshake, and what it resets.</summary>
public class ServerNegotiationTests
{
    private const uint StructuredReply = 8, ListContexts = 9, SetContexts = 10, ExtendedHeaders = 11;
    private const uint Ack = 1, MetaContext = 4, ErrUnsup = 0x80000001, ErrInvalid = 0x80000003, ErrUnknown = 0x80000006, ErrExtHeaderReqd = 0x8000000a;

    [Fact]
    public void StructuredRepliesAndExtendedHeadersAreAgreedOnOnce()
    {
        using var talk = new OptionTalk();
        Assert.Equal([Ack], talk.Ask(StructuredReply));
        Assert.Equal([ErrInvalid], talk.Ask(StructuredReply));
        Assert.Equal([Ack], talk.Ask(ExtendedHeaders));
        Assert.Equal([ErrInvalid], talk.Ask(ExtendedHeaders));
        Assert.Equal([ErrExtHeaderReqd], talk.Ask(StructuredReply));
    }

    [Fact]
    public void TheyTakeNoData()
    {
        using var talk = new OptionTalk();
        Assert.Equal([ErrInvalid], talk.Ask(StructuredReply, 0));
        Assert.Equal([ErrInvalid], talk.Ask(ExtendedHeaders, 1, 2, 3));
        Assert.Equal([ErrInvalid], talk.Ask(SetContexts, Wire.Queries("disk", "base:allocation")));
    }

    [Theory]
    [InlineData(ReplyForm.Simple, ErrUnsup, ErrUnsup, ErrUnsup)]
    [InlineData(ReplyForm.Structured, Ack, ErrUnsup, Ack)]
    [InlineData(ReplyForm.Extended, Ack, Ack, Ack)]
    public void AServerCanOfferLess(ReplyForm form, uint structured, uint extended, uint contexts)
    {
        using var talk = new OptionTalk(new NbdServerOptions { Replies = form });
        Assert.Equal([structured], talk.Ask(StructuredReply));
        Assert.Equal([extended], talk.Ask(ExtendedHeaders));
        Assert.Equal(contexts, talk.Ask(SetContexts, Wire.Queries("disk")).Last());
    }

    [Theory]
    [InlineData(0u, 0)]
    [InlineData(StructuredReply, 1 << 7)]
    [InlineData(ExtendedHeaders, (1 << 7) | (1 << 12))]
    public void TheExportAnnouncesWhatTheFormAllows(uint option, int expected)
    {
        using var talk = new OptionTalk();
        if (option != 0)
        {
            talk.Ask(option);
        }

        byte[] go = talk.Say(Wire.Go("disk"));
        byte[] info = go.AsSpan(go.Length - 20 - 12).ToArray();
        Assert.Equal(expected, BinaryPrimitives.ReadUInt16BigEndian(info.AsSpan(10)) & ((1 << 7) | (1 << 12)));
    }

    [Fact]
    public void ContextsAreListedByQuery()
    {
        using var talk = new OptionTalk();
        talk.Ask(StructuredReply);
        Assert.Equal([MetaContext, Ack], talk.Ask(ListContexts, Wire.Queries("disk")));
        Assert.Equal((0u, "base:allocation"), talk.LastContext);
        Assert.Equal([MetaContext, Ack], talk.Ask(ListContexts, Wire.Queries("disk", "base:")));
        Assert.Equal([MetaContext, Ack], talk.Ask(ListContexts, Wire.Queries("disk", "base:allocation", "base:allocation")));
        Assert.Equal([Ack], talk.Ask(ListContexts, Wire.Queries("disk", "base:nothing", "qemu:dirty-bitmap:x", "allocation", "")));
        Assert.Equal([ErrUnknown], talk.Ask(ListContexts, Wire.Queries("nothing", "base:")));
    }

    [Fact]
    public void ContextsAreSelectedByTheirWholeName()
    {
        using var talk = new OptionTalk();
        talk.Ask(StructuredReply);
        Assert.Equal([MetaContext, Ack], talk.Ask(SetContexts, Wire.Queries("disk", "base:allocation", "base:allocation")));
        Assert.Equal((1u, "base:allocation"), talk.LastContext);
        Assert.Equal([Ack], talk.Ask(SetContexts, Wire.Queries("disk", "base:")));
        Assert.Equal([Ack], talk.Ask(SetContexts, Wire.Queries("disk")));
        Assert.Equal([ErrUnknown], talk.Ask(SetContexts, Wire.Queries("nothing", "base:allocation")));
    }

    public static TheoryData<string, byte[]> Resets() => new()
    {
        { "another set, which is empty", Wire.Option(SetContexts, Wire.Queries("disk")) },
        { "a wildcard, which selects nothing", Wire.Option(SetContexts, Wire.Queries("disk", "base:")) },
        { "a set that fails", Wire.Option(SetContexts, Wire.Queries("nothing", "base:allocation")) },
        { "a set that makes no sense", Wire.Option(SetContexts, 1, 2, 3) },
        { "a set for another export", Wire.Option(SetContexts, Wire.Queries("other", "base:allocation")) },
        { "another form of replies", Wire.Option(ExtendedHeaders) },
    };

    [Theory]
    [MemberData(nameof(Resets))]
    public void SelectedContextsAreLostBy(string what, byte[] option)
    {
        using var talk = new OptionTalk();
        talk.Ask(StructuredReply);
        talk.Ask(SetContexts, Wire.Queries("disk", "base:allocation"));
        talk.Say(option);
        talk.Say(Wire.Go("disk"));
        int form = what.Contains("form", StringComparison.Ordinal) ? (int)ExtendedHeaders : (int)StructuredReply;

        WireChunk chunk = Assert.Single(ChunkReader.Read(talk.Say(ServerChunkTests.Request(form, NbdCommand.BlockStatus, 1, 0, 4096))));

        Assert.Equal((0x8001, 22u), (chunk.Type, chunk.Error));
        Assert.Contains("metadata context", chunk.ErrorText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3u, true)]
    [InlineData(6u, true)]
    [InlineData(ListContexts, true)]
    [InlineData(7u, true)]
    public void SelectedContextsOutliveOptionsThatDoNotConcernThem(uint option, bool kept)
    {
        using var talk = new OptionTalk();
        talk.Ask(StructuredReply);
        talk.Ask(SetContexts, Wire.Queries("disk", "base:allocation"));
        byte[] data = option switch { 3 => [], ListContexts => Wire.Queries("other"), 7 => Wire.NameAndInfos("nothing"), _ => Wire.NameAndInfos("other") };
        talk.Say(Wire.Option(option, data));
        talk.Say(Wire.Go("disk"));

        WireChunk chunk = Assert.Single(ChunkReader.Read(talk.Say(Wire.Request(NbdCommand.BlockStatus, 1, 0, 4096))));

        Assert.Equal(kept ? 5 : 0x8001, chunk.Type);
    }

    [Theory]
    [InlineData("")]
    [InlineData("000000")]
    [InlineData("ffffffff00000000")]
    [InlineData("00000004 6469736b 00000001")]
    [InlineData("00000004 6469736b 00000001 000000ff 41")]
    [InlineData("00000004 6469736b 00000001 ffffffff 41")]
    [InlineData("00000004 6469736b ffffffff 00000001 41")]
    [InlineData("00000004 6469736b 00000001 00000001 41 42")]
    [InlineData("00000004 6469736b 00000000 00")]
    [InlineData("00000004 6469736b 00000001 00000001 00")]
    [InlineData("00000004 6469736b 00000001 00000001 ff")]
    [InlineData("00000001 00 00000000")]
    public void ContextsThatMakeNoSenseAreInvalidAndTheHandshakeGoesOn(string hex)
    {
        byte[] data = Convert.FromHexString(hex.Replace(" ", string.Empty, StringComparison.Ordinal));
        foreach (uint option in new[] { ListContexts, SetContexts })
        {
            using var talk = new OptionTalk();
            talk.Ask(StructuredReply);
            Assert.Equal([ErrInvalid], talk.Ask(option, data));
            Assert.Equal([Ack], talk.Ask(ExtendedHeaders));
        }
    }

    [Fact]
    public void AQueryOfMoreThan4096BytesIsInvalid()
    {
        using var talk = new OptionTalk();
        talk.Ask(StructuredReply);
        Assert.Equal([Ack], talk.Ask(SetContexts, Wire.Queries("disk", new string('x', 4096))));
        Assert.Equal([ErrInvalid], talk.Ask(SetContexts, Wire.Queries("disk", new string('x', 4097))));
    }

    [Fact]
    public void ExportNameAfterExtendedHeadersEndsTheConnection()
    {
        using var talk = new OptionTalk();
        talk.Ask(ExtendedHeaders);
        Assert.Empty(talk.Say(Wire.Option(1, "disk"u8.ToArray())));
        talk.AssertClosed();
    }

    [Fact]
    public void ExportNameAfterStructuredReplyEntersWithStructuredReplies()
    {
        using var talk = new OptionTalk();
        talk.Ask(StructuredReply);
        byte[] entered = talk.Say(Wire.Option(1, "disk"u8.ToArray()));
        Assert.Equal(10, entered.Length);
        Assert.NotEqual(0, BinaryPrimitives.ReadUInt16BigEndian(entered.AsSpan(8)) & (1 << 7));
        Assert.Equal(2, Assert.Single(ChunkReader.Read(talk.Say(Wire.Read(1, 512, 512)))).Type);
    }
}
