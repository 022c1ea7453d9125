using Harness.Io;
using Harness.Io.Native;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Servers that break the protocol or vanish, before clients that work in each of the three ways: one clear line with both states and the oldest cookie, and
/// every request ends exactly once.
/// </summary>
public class ClientHostileTests
{
    private const string Backend = "epoll";

    public static TheoryData<string> Duplexes => [.. Vocabulary.Duplexes];

    public static TheoryData<string, string> BackendsAndDuplexes()
    {
        var all = new TheoryData<string, string>();
        foreach (string duplex in Vocabulary.Duplexes)
        {
            Array.ForEach([.. LoopBackends.All], backend => all.Add(backend, duplex));
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_bad_magic(string duplex) =>
        Breaks(duplex, (script, cookie) => script.Reply(cookie, magic: 0xdeadbeef), Errno.EPROTO, "0xdeadbeef", "0x67446698");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_structured_reply_that_was_not_negotiated(string duplex) =>
        Breaks(duplex, (script, cookie) => script.Reply(cookie, magic: 0x668e33ef), Errno.EPROTO, "structured reply");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_cookie_that_no_request_has(string duplex) =>
        Breaks(duplex, (script, _) => script.Reply(0x1234567800000099), Errno.EPROTO, "0x1234567800000099", "no request has");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_cookie_of_a_slot_that_does_not_exist(string duplex) =>
        Breaks(duplex, (script, cookie) => script.Reply(cookie | 0x7fffffff), Errno.EPROTO, "no request has");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_small_number_for_a_cookie(string duplex) =>
        Breaks(duplex, (script, _) => script.Reply(1), Errno.EPROTO, "0x0000000000000001", "no request has");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_generation_that_is_still_to_come(string duplex) =>
        Breaks(duplex, (script, cookie) => script.Reply(cookie + (1UL << 32)), Errno.EPROTO, "no request has");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void The_server_closes_in_the_middle_of_a_header(string duplex) =>
        Breaks(duplex, (script, cookie) => Cut(script, ClientScript.ReplyBytes(cookie), 9), Errno.ECONNRESET, "in the middle of a reply");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void The_server_closes_in_the_middle_of_the_data(string duplex) =>
        Breaks(duplex, (script, cookie) => Cut(script, ClientScript.ReplyBytes(cookie, data: new byte[8]), 20),
            Errno.ECONNRESET, "in the middle of a reply");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void The_server_closes_between_replies(string duplex) =>
        Breaks(duplex, (script, _) => script.Server.Dispose(), Errno.ECONNRESET, "the server closed the connection");

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_cookie_that_is_answered_twice(string duplex)
    {
        using var script = ClientScript.Connected(Backend, duplex);
        using ScriptedRequest first = script.Submit(NbdCommand.Flush, 0, 0);
        using ScriptedRequest second = script.Submit(NbdCommand.Flush, 0, 0);
        ulong cookie = script.ReadRequest().Cookie;
        script.ReadRequest();
        script.Server.Send([.. ClientScript.ReplyBytes(cookie), .. ClientScript.ReplyBytes(cookie)]);
        script.ExpectClosed(Errno.EPROTO, $"0x{cookie:x16}", "a second time");
        first.ExpectEnd(0);
        second.ExpectEnd(Errno.EPROTO);
    }

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_cookie_from_an_earlier_use_of_its_slot(string duplex)
    {
        using var script = ClientScript.Connected(Backend, duplex);
        using ScriptedRequest first = script.Submit(NbdCommand.Flush, 0, 0);
        ulong stale = script.ReadRequest().Cookie;
        script.Reply(stale);
        script.RunUntil(() => first.Ends == 1, "the first ends");
        using ScriptedRequest second = script.Submit(NbdCommand.Flush, 0, 0);
        Assert.Equal((uint)stale, (uint)script.ReadRequest().Cookie);
        script.Reply(stale);
        script.ExpectClosed(Errno.EPROTO, "a second time");
        second.ExpectEnd(Errno.EPROTO);
        first.ExpectEnd(0);
    }

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_write_that_is_answered_twice_while_it_is_sent(string duplex)
    {
        using var script = ClientScript.Connected(Backend, duplex);
        using var write = new ScriptedRequest(NbdCommand.Write, 0, 16 << 20);
        script.Client.Submit(write.Request);
        ulong cookie = script.ReadRequest().Cookie;
        script.Server.Send([.. ClientScript.ReplyBytes(cookie), .. ClientScript.ReplyBytes(cookie)]);
        script.ExpectClosed(Errno.EPROTO, "a second time");
        Assert.Equal(1, write.Ends);
    }

    [Theory]
    [MemberData(nameof(BackendsAndDuplexes))]
    public void A_server_that_vanishes_ends_every_request_once(string backend, string duplex)
    {
        using var script = ClientScript.Connected(backend, duplex, new NbdClientOptions { MaxInFlight = 8 });
        ScriptedRequest[] requests = [.. Enumerable.Range(0, 20).Select(i => script.Submit(i % 2 == 0 ? NbdCommand.Read : NbdCommand.Write, 0, 65_536))];
        script.ReadRequest();
        script.Server.Dispose();
        script.RunUntil(() => script.IsClosed, "the connection is over");
        Assert.All(requests, request => Assert.Equal(1, request.Ends));
        Assert.All(requests, request => Assert.Contains(request.Error, new[] { Errno.ECONNRESET, Errno.EPIPE }));
        Array.ForEach(requests, request => request.Dispose());
    }

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void A_request_that_comes_after_the_end_ends_too(string duplex)
    {
        using var script = ClientScript.Connected(Backend, duplex);
        script.Server.Dispose();
        script.RunUntil(() => script.IsClosed, "the connection is over");
        using ScriptedRequest late = script.Submit(NbdCommand.Flush, 0, 0);
        Assert.Equal(0, late.Ends);
        script.RunUntil(() => late.Ends == 1, "the request is refused");
        late.ExpectEnd(Errno.ECONNRESET);
    }

    [Theory]
    [MemberData(nameof(Duplexes))]
    public void The_reason_names_the_peer_both_states_and_the_oldest_cookie(string duplex)
    {
        using var script = ClientScript.Connected(Backend, duplex);
        using ScriptedRequest first = script.Submit(NbdCommand.Flush, 0, 0);
        using ScriptedRequest second = script.Submit(NbdCommand.Flush, 0, 0);
        ulong oldest = script.ReadRequest().Cookie;
        script.ReadRequest();
        script.Reply(0);
        script.ExpectClosed(Errno.EPROTO, "unix:script: ", "read side: waiting for a reply's header", "write side: ");

        // The other thread may not have looked yet at the end of its send.
        Assert.True(duplex == "threads" || script.Reason.Contains("write side: no request waits to be sent", StringComparison.Ordinal), script.Reason);
        Assert.Contains($"in flight: 2, oldest cookie: 0x{oldest:x16}", script.Reason, StringComparison.Ordinal);
    }

    private static void Breaks(string duplex, Action<ClientScript, ulong> answer, int error, params string[] words)
    {
        using var script = ClientScript.Connected(Backend, duplex);
        using ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 8);
        using ScriptedRequest flush = script.Submit(NbdCommand.Flush, 0, 0);
        ulong cookie = script.ReadRequest().Cookie;
        script.ReadRequest();
        answer(script, cookie);
        script.ExpectClosed(error, words);
        read.ExpectEnd(error);
        flush.ExpectEnd(error);
    }

    private static void Cut(ClientScript script, byte[] reply, int bytes)
    {
        script.Server.Send(reply.AsSpan(0, bytes));
        script.Server.Dispose();
    }
}
