using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What a client asks for before it enters an export, and how it makes do with less.</summary>
public class ClientNegotiationTests
{
    private const string Backend = "epoll";
    private const uint Ack = 1, MetaContextReply = 4, ErrUnsup = 0x80000001, ErrPolicy = 0x80000002, ErrInvalid = 0x80000003;

    private static readonly NbdClientOptions s_all = new() { Replies = ReplyForm.Extended, MetaContexts = ["base:allocation"], ExportName = "disk" };

    [Fact]
    public void TheRichestFormComesFirstThenTheContexts()
    {
        using ClientScript script = Begin(s_all);
        Answer(script, NbdOption.ExtendedHeaders, Ack);
        byte[] asked = script.ExpectOption(NbdOption.SetMetaContext);
        Assert.Equal(Wire.Queries("disk", "base:allocation"), asked);
        script.SendOptionReply(NbdOption.SetMetaContext, MetaContextReply, [.. Wire.U32(42), .. "base:allocation"u8]);
        script.SendOptionReply(NbdOption.SetMetaContext, Ack, []);
        Enter(script);
        Assert.Equal(ReplyForm.Extended, script.Client.Replies);
        Assert.Equal([new MetaContext(42, "base:allocation")], script.Client.MetaContexts);
    }

    [Theory]
    [InlineData(ErrUnsup)]
    [InlineData(ErrPolicy)]
    [InlineData(ErrInvalid)]
    [InlineData(0x80001234u)]
    public void WhatIsDeclinedIsDoneWithout(uint error)
    {
        using ClientScript script = Begin(s_all);
        Answer(script, NbdOption.ExtendedHeaders, error);
        Answer(script, NbdOption.StructuredReply, Ack);
        Answer(script, NbdOption.SetMetaContext, error);
        Enter(script);
        Assert.Equal(ReplyForm.Structured, script.Client.Replies);
        Assert.Empty(script.Client.MetaContexts);
    }

    [Fact]
    public void WithoutStructuredRepliesNoContextIsAskedFor()
    {
        using ClientScript script = Begin(s_all);
        Answer(script, NbdOption.ExtendedHeaders, ErrUnsup);
        Answer(script, NbdOption.StructuredReply, ErrUnsup);
        Enter(script);
        Assert.Equal(ReplyForm.Simple, script.Client.Replies);
    }

    [Fact]
    public void ContextsOfASetThatFailsInTheEndDoNotHold()
    {
        using ClientScript script = Begin(s_all with { Replies = ReplyForm.Structured });
        Answer(script, NbdOption.StructuredReply, Ack);
        script.ExpectOption(NbdOption.SetMetaContext);
        script.SendOptionReply(NbdOption.SetMetaContext, MetaContextReply, [.. Wire.U32(42), .. "base:allocation"u8]);
        script.SendOptionReply(NbdOption.SetMetaContext, ErrInvalid, []);
        Enter(script);
        Assert.Empty(script.Client.MetaContexts);
    }

    [Theory]
    [InlineData("0000", 0)]
    [InlineData("00000001 00", 0)]
    [InlineData("00000001 ff", 0)]
    [InlineData("00000001 41", 1)]
    public void ContextsThatMakeNoSenseEndTheConnection(string hex, int before)
    {
        using ClientScript script = Begin(s_all);
        Answer(script, NbdOption.ExtendedHeaders, Ack);
        script.ExpectOption(NbdOption.SetMetaContext);
        byte[] data = Convert.FromHexString(hex.Replace(" ", string.Empty, StringComparison.Ordinal));
        for (int i = 0; i <= before; i++)
        {
            script.SendOptionReply(NbdOption.SetMetaContext, MetaContextReply, data);
        }

        script.ExpectClosed(Errno.EPROTO);
    }

    [Fact]
    public void AfterExtendedHeadersThereIsNoExportName()
    {
        using ClientScript script = Begin(new NbdClientOptions { Replies = ReplyForm.Extended });
        Answer(script, NbdOption.ExtendedHeaders, Ack);
        Answer(script, NbdOption.Go, ErrUnsup);
        script.ExpectOption(NbdOption.Abort);
        script.SendOptionReply(NbdOption.Abort, Ack, []);
        script.ExpectClosed(Errno.EOPNOTSUPP, "ERR_UNSUP");
    }

    [Fact]
    public void WithoutFixedNewstyleNothingIsAskedFor()
    {
        using var script = new ClientScript(Backend, s_all);
        script.Client.Start();
        script.Greet(flags: 2);
        Assert.Equal("disk"u8.ToArray(), script.ExpectOption(NbdOption.ExportName));
        script.Server.Send([.. Wire.U64(ClientScript.ExportBytes), .. Wire.U16(1)]);
        script.RunUntil(() => script.IsReady, "the handshake is over");
        Assert.Equal(ReplyForm.Simple, script.Client.Replies);
    }

    private static ClientScript Begin(NbdClientOptions options)
    {
        var script = new ClientScript(Backend, options);
        script.Client.Start();
        script.Greet();
        return script;
    }

    private static void Answer(ClientScript script, NbdOption option, uint type)
    {
        script.ExpectOption(option);
        script.SendOptionReply(option, type, []);
    }

    private static void Enter(ClientScript script)
    {
        script.ExpectOption(NbdOption.Go);
        script.SendInfoExport(NbdOption.Go, ClientScript.ExportBytes);
        script.SendOptionReply(NbdOption.Go, Ack, []);
        script.RunUntil(() => script.IsReady, "the handshake is over");
    }
}
