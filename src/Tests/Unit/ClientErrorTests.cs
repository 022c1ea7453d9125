using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Every error that a server can send, to every command and in every form in which it can be said: it is that of its request and of no other, and the
/// connection goes on. And every refusal of an export, which ends the connection with what the server said.
/// </summary>
public class ClientErrorTests
{
    private const string Backend = "epoll";
    private const ushort Done = 1, Data = 1, Error = 0x8001, ErrorOffset = 0x8002, UnknownError = 0x9234;
    private const uint Bytes = 512;
    private const ulong Offset = 4096;

    /// <summary>Those of the protocol, and some that it does not know, which count as EINVAL.</summary>
    private static readonly uint[] s_numbers =
        [.. Enum.GetValues<NbdError>().Where(error => error != NbdError.None).Select(error => (uint)error), 2, 4711, uint.MaxValue];

    public static TheoryData<ReplyForm, string> FormsAndDuplexes()
    {
        var all = new TheoryData<ReplyForm, string>();
        foreach (string duplex in Vocabulary.Duplexes)
        {
            Array.ForEach(Enum.GetValues<ReplyForm>(), form => all.Add(form, duplex));
        }

        return all;
    }

    /// <summary>All but ERR_UNSUP, after which EXPORT_NAME is tried, and one that nobody knows.</summary>
    public static TheoryData<uint> Refusals =>
    [
        .. Enum.GetValues<OptionReplyType>()
            .Where(type => type.IsError() && type is not (OptionReplyType.ErrUnsup or OptionReplyType.ErrorBit))
            .Select(type => (uint)type),
        0x80004711,
    ];

    [Theory]
    [MemberData(nameof(FormsAndDuplexes))]
    public void Every_error_is_that_of_its_request_and_the_connection_goes_on(ReplyForm form, string duplex)
    {
        string[] contexts = form == ReplyForm.Simple ? [] : [MetaContext.Allocation];
        using var script = ClientScript.Connected(Backend, duplex, new NbdClientOptions { Replies = form, MetaContexts = contexts });
        foreach (NbdCommand command in Commands(form))
        {
            foreach (uint number in s_numbers)
            {
                foreach (Func<ulong, uint, byte[]> answer in Answers(form))
                {
                    Exchange(script, form, command, cookie => answer(cookie, number), Enum.IsDefined((NbdError)number) ? (int)number : (int)NbdError.EINVAL);
                }
            }
        }

        Assert.False(script.IsClosed);
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Every_refusal_of_an_export_is_told(uint type)
    {
        using var script = new ClientScript(Backend, new NbdClientOptions { ExportName = "disk" });
        script.Client.Start();
        script.Greet();
        script.ExpectOption(NbdOption.Go);
        script.SendOptionReply(NbdOption.Go, type, "it says why"u8);
        script.ExpectOption(NbdOption.Abort);
        script.SendOptionReply(NbdOption.Abort, 1, []);
        script.RunUntil(() => script.IsClosed, "the connection is over");
        Assert.True(script.Error > 0);
        string reason = $"unix:script: the server refuses the export 'disk': {((OptionReplyType)type).Text()}: it says why";
        Assert.StartsWith(reason, script.Reason, StringComparison.Ordinal);
    }

    /// <summary>A request that fails, and one behind it that does not.</summary>
    private static void Exchange(ClientScript script, ReplyForm form, NbdCommand command, Func<ulong, byte[]> answer, int error)
    {
        using ScriptedRequest bad = script.Submit(command, command == NbdCommand.Flush ? 0 : Offset, command == NbdCommand.Flush ? 0 : Bytes);
        using ScriptedRequest good = script.Submit(NbdCommand.Read, 0, 2);
        ulong cookie = Cookie(script, form);
        if (command == NbdCommand.Write)
        {
            script.Read((int)Bytes);
        }

        byte[] last = form switch
        {
            ReplyForm.Extended => Wire.ExtendedChunk(Cookie(script, form), 0, Done, Data, Wire.DataAt(0, [1, 2])),
            ReplyForm.Structured => Wire.Chunk(Cookie(script, form), Done, Data, Wire.DataAt(0, [1, 2])),
            _ => ClientScript.ReplyBytes(Cookie(script, form), data: [1, 2]),
        };
        byte[] first = answer(cookie);
        if (form == ReplyForm.Extended)
        {
            // The offset of the request; a FLUSH has none.
            Wire.U64(bad.Request.Offset).CopyTo(first, 16);
        }

        script.Server.Send([.. first, .. last]);
        script.RunUntil(() => (bad.Ends == 1 && good.Ends == 1) || script.IsClosed, "both end");
        bad.ExpectEnd(error);
        good.ExpectEnd(0);
        Assert.Equal([1, 2], good.Memory.ToArray());
    }

    private static ulong Cookie(ClientScript script, ReplyForm form) =>
        form == ReplyForm.Extended ? script.ReadExtendedRequest().Cookie : script.ReadRequest().Cookie;

    private static IEnumerable<NbdCommand> Commands(ReplyForm form) =>
        Enum.GetValues<NbdCommand>().Where(command => command != NbdCommand.Disconnect && (command != NbdCommand.BlockStatus || form != ReplyForm.Simple));

    /// <summary>
    /// The ways in which an error can be said: a simple reply, also among structured ones, and chunks with a text, a place, or of an unknown kind.
    /// </summary>
    private static IEnumerable<Func<ulong, uint, byte[]>> Answers(ReplyForm form)
    {
        if (form != ReplyForm.Extended)
        {
            yield return (cookie, number) => ClientScript.ReplyBytes(cookie, number);
        }

        if (form != ReplyForm.Simple)
        {
            byte[] Chunk(ulong cookie, ushort type, byte[] payload) => form == ReplyForm.Extended
                ? Wire.ExtendedChunk(cookie, 0, Done, type, payload)
                : Wire.Chunk(cookie, Done, type, payload);
            yield return (cookie, number) => Chunk(cookie, Error, [.. Wire.U32(number), .. Wire.U16(3), .. "why"u8]);
            yield return (cookie, number) => Chunk(cookie, ErrorOffset, [.. Wire.U32(number), .. Wire.U16(0), .. Wire.U64(Offset)]);
            yield return (cookie, number) => Chunk(cookie, UnknownError, [.. Wire.U32(number), .. Wire.U16(0), 1, 2, 3]);
        }
    }
}
