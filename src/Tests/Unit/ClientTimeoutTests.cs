using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Deadlines of requests, on every backend: on uring they are linked timeouts, elsewhere timers of the loop.</summary>
public class ClientTimeoutTests
{
    private const long TimeoutMs = 40;
    private static readonly NbdClientOptions s_options = new() { RequestTimeoutNs = TimeoutMs * 1_000_000 };

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_request_without_a_reply_ends_once_and_its_late_reply_does_no_harm(string backend)
    {
        using var script = ClientScript.Connected(backend, s_options);
        using ScriptedRequest slow = script.Submit(NbdCommand.Read, 0, 100);
        ulong cookie = script.ReadRequest().Cookie;
        script.RunUntil(() => slow.Ends == 1, "the request times out");
        slow.ExpectEnd(Errno.ETIMEDOUT);
        Assert.True(slow.Request.CompletedNs - slow.Request.SubmittedNs >= TimeoutMs * 1_000_000);
        Assert.Equal(1, script.Client.AbandonedCount);
        using ScriptedRequest next = script.Submit(NbdCommand.Read, 0, 3);
        ulong nextCookie = script.ReadRequest().Cookie;
        byte[] late = ClientScript.ReplyBytes(cookie, data: [.. Enumerable.Repeat((byte)7, 100)]);
        script.Server.Send([.. late, .. ClientScript.ReplyBytes(nextCookie, data: [1, 2, 3])]);
        script.RunUntil(() => next.Ends == 1, "the next read ends");
        next.ExpectEnd(0);
        slow.ExpectEnd(Errno.ETIMEDOUT);
        Assert.Equal([1, 2, 3], next.Memory.ToArray());
        Assert.All(slow.Memory.ToArray(), value => Assert.Equal(0, value));
        Assert.Equal(0, script.Client.AbandonedCount);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_read_that_is_half_received_at_its_deadline_ends_and_its_memory_is_left_alone(string backend)
    {
        using var script = ClientScript.Connected(backend, s_options);
        using ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 200_000);
        byte[] reply = ClientScript.ReplyBytes(script.ReadRequest().Cookie, data: [.. Enumerable.Repeat((byte)5, 200_000)]);
        script.Server.Send(reply.AsSpan(0, 100_016));
        script.RunUntil(() => read.Ends == 1, "the request times out");
        read.ExpectEnd(Errno.ETIMEDOUT);
        read.Memory.Clear();
        script.Server.Send(reply.AsSpan(100_016));
        script.RunUntil(() => script.Client.AbandonedCount == 0, "the late data is dropped");
        Assert.Equal(-1, read.Memory.IndexOfAnyExcept((byte)0));
        Assert.False(script.IsClosed);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Requests_end_in_the_order_of_their_deadlines_and_a_busy_connection_times_out_too(string backend)
    {
        using var script = ClientScript.Connected(backend, s_options);
        using ScriptedRequest forgotten = script.Submit(NbdCommand.Flush, 0, 0);
        script.ReadRequest();
        using var busy = new ScriptedRequest(NbdCommand.Flush, 0, 0);
        busy.Then = () => script.Client.Submit(busy.Request);
        script.Client.Submit(busy.Request);
        while (forgotten.Ends == 0)
        {
            script.Reply(script.ReadRequest().Cookie);
        }

        forgotten.ExpectEnd(Errno.ETIMEDOUT);
        Assert.Equal(0, busy.Error);
        busy.Then = null;
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_request_after_an_idle_time_gets_its_whole_deadline(string backend)
    {
        using var script = ClientScript.Connected(backend, s_options);
        script.RunFor((int)TimeoutMs * 3 / 2);
        using ScriptedRequest slow = script.Submit(NbdCommand.Flush, 0, 0);
        script.RunUntil(() => slow.Ends == 1, "the request times out");
        Assert.True(slow.Request.CompletedNs - slow.Request.SubmittedNs >= TimeoutMs * 1_000_000);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_server_that_stops_reading_fails_the_connection_at_the_deadline(string backend)
    {
        using var script = ClientScript.Connected(backend, s_options);
        using var stuck = new ScriptedRequest(NbdCommand.Write, 0, 16 << 20);
        script.Client.Submit(stuck.Request);
        using ScriptedRequest behind = script.Submit(NbdCommand.Flush, 0, 0);
        script.ExpectClosed(Errno.ETIMEDOUT, "did not take a WRITE of 16777216 bytes within 40 ms", "write side: sending");
        stuck.ExpectEnd(Errno.ETIMEDOUT);
        behind.ExpectEnd(Errno.ETIMEDOUT);
    }

    [Fact]
    public void A_request_that_never_left_times_out_as_well()
    {
        using var script = ClientScript.Connected("epoll", s_options with { MaxInFlight = 1 });
        using ScriptedRequest first = script.Submit(NbdCommand.Flush, 0, 0);
        using ScriptedRequest queued = script.Submit(NbdCommand.Flush, 0, 0);
        ulong cookie = script.ReadRequest().Cookie;
        script.RunUntil(() => queued.Ends == 1, "both time out");
        first.ExpectEnd(Errno.ETIMEDOUT);
        queued.ExpectEnd(Errno.ETIMEDOUT);
        Assert.Equal(0, queued.Request.IssuedNs);
        script.Reply(cookie);
        using ScriptedRequest next = script.Submit(NbdCommand.Flush, 0, 0);
        script.Reply(script.ReadRequest().Cookie);
        script.RunUntil(() => next.Ends == 1, "the connection goes on");
        next.ExpectEnd(0);
    }

    [Fact]
    public void Disconnect_does_not_wait_for_ever_for_a_reply_that_is_late()
    {
        using var script = ClientScript.Connected("epoll", s_options);
        using ScriptedRequest slow = script.Submit(NbdCommand.Flush, 0, 0);
        script.ReadRequest();
        script.RunUntil(() => slow.Ends == 1, "the request times out");
        script.Client.Disconnect();
        script.RunFor(5);
        Assert.False(script.IsClosed);
        Assert.Equal(NbdCommand.Disconnect, script.ReadRequest().Command);
        script.ExpectClosed(0);
    }
}
