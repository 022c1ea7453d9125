using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Requests and replies, with servers that answer well, badly, late, twice or not at all: every request ends exactly once.</summary>
public class ClientTransmissionTests
{
    private const string Backend = "epoll";

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Requests_of_one_turn_leave_in_one_send_and_one_receive_takes_all_replies(string backend)
    {
        using var script = ClientScript.Connected(backend);
        ScriptedRequest[] reads = [.. Enumerable.Range(0, 64).Select(i => script.Submit(NbdCommand.Read, (ulong)i * 8, 8))];
        WireRequest[] wire = [.. reads.Select(_ => script.ReadRequest())];
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (ulong)i * 8), wire.Select(request => request.Offset));
        Assert.Equal(64, wire.Select(request => request.Cookie).Distinct().Count());
        Assert.Equal(64, script.Client.InFlightCount);
        byte[] Answer(WireRequest request) => ClientScript.ReplyBytes(request.Cookie, data: [.. Enumerable.Repeat((byte)request.Offset, 8)]);
        script.Server.Send(wire.Reverse().SelectMany(Answer).ToArray());
        script.RunUntil(() => reads.All(read => read.Ends == 1), "all reads end");
        Assert.All(reads, read => read.ExpectEnd(0));
        Assert.All(reads, read => Assert.All(read.Memory.ToArray(), value => Assert.Equal((byte)read.Request.Offset, value)));
        Assert.Single(reads.Select(read => read.Request.IssuedNs).Distinct());
        Assert.All(reads, read => Assert.True(read.Request.SubmittedNs <= read.Request.IssuedNs && read.Request.IssuedNs <= read.Request.CompletedNs));
        Dispose(reads);
    }

    [Fact]
    public void A_reply_may_come_byte_by_byte()
    {
        using var script = ClientScript.Connected(Backend);
        using ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 5);
        foreach (byte one in ClientScript.ReplyBytes(script.ReadRequest().Cookie, data: [9, 8, 7, 6, 5]))
        {
            Assert.Equal(0, read.Ends);
            script.Server.Send([one]);
            script.RunFor(1);
        }

        script.RunUntil(() => read.Ends == 1, "the read ends");
        Assert.Equal([9, 8, 7, 6, 5], read.Memory.ToArray());
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Large_reads_arrive_whole_beside_small_ones(string backend)
    {
        using var script = ClientScript.Connected(backend);
        ScriptedRequest[] reads = [.. new uint[] { 1 << 20, 16, 300_000, 0, 70_000, 33_000 }.Select(length => script.Submit(NbdCommand.Read, 0, length))];
        var random = new Random(1);
        byte[][] data = [.. reads.Select(read => new byte[read.Request.Length])];
        Array.ForEach(data, random.NextBytes);
        ulong[] cookies = [.. reads.Select(_ => script.ReadRequest().Cookie)];
        byte[] replies = [.. cookies.SelectMany((cookie, i) => ClientScript.ReplyBytes(cookie, data: data[i]))];
        var sender = new Thread(() => script.Server.Send(replies));
        sender.Start();
        script.RunUntil(() => reads.All(read => read.Ends == 1), "all reads end");
        sender.Join();
        Assert.All(reads.Zip(data), pair => Assert.True(pair.First.Memory[..pair.Second.Length].SequenceEqual(pair.Second)));
        Dispose(reads);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Replies_are_read_while_a_large_write_is_half_sent(string backend)
    {
        using var script = ClientScript.Connected(backend);
        using ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 4);
        ulong readCookie = script.ReadRequest().Cookie;
        using var write = new ScriptedRequest(NbdCommand.Write, 0, 16 << 20);
        new Random(2).NextBytes(write.Memory);
        script.Client.Submit(write.Request);
        WireRequest wire = script.ReadRequest();
        Assert.Equal(NbdCommand.Write, wire.Command);
        script.Reply(readCookie, data: [1, 2, 3, 4]);
        script.RunUntil(() => read.Ends == 1, "the read ends although the write is stuck");
        Assert.NotEqual(WriteState.Ready, script.Client.WriteState);
        Assert.Equal(0, write.Ends);
        Assert.True(script.Read(16 << 20).AsSpan().SequenceEqual(write.Memory));
        script.Reply(wire.Cookie);
        script.RunUntil(() => write.Ends == 1, "the write ends");
        write.ExpectEnd(0);
    }

    [Fact]
    public void Requests_leave_while_a_reply_is_half_received()
    {
        using var script = ClientScript.Connected(Backend);
        using ScriptedRequest first = script.Submit(NbdCommand.Read, 0, 100);
        byte[] reply = ClientScript.ReplyBytes(script.ReadRequest().Cookie, data: new byte[100]);
        script.Server.Send(reply.AsSpan(0, 66));
        script.RunUntil(() => script.Client.ReadState == ReadState.Payload, "the reply is half received");
        using ScriptedRequest second = script.Submit(NbdCommand.Read, 8, 100);
        Assert.Equal(8ul, script.ReadRequest().Offset);
        Assert.Equal(0, first.Ends);
        script.Server.Send(reply.AsSpan(66));
        script.RunUntil(() => first.Ends == 1, "the first read ends");
    }

    [Theory]
    [InlineData(66)]
    [InlineData(7)]
    public void Half_duplex_sends_nothing_while_a_reply_is_half_received(int half)
    {
        using var script = ClientScript.Connected(Backend, new NbdClientOptions { HalfDuplex = true });
        using ScriptedRequest first = script.Submit(NbdCommand.Read, 0, 100);
        byte[] reply = ClientScript.ReplyBytes(script.ReadRequest().Cookie, data: new byte[100]);
        script.Server.Send(reply.AsSpan(0, half));
        script.RunFor(2);
        using ScriptedRequest second = script.Submit(NbdCommand.Read, 8, 100);
        script.RunFor(2);
        Assert.Equal(WriteState.Paused, script.Client.WriteState);
        Assert.Equal(0, script.Server.Available);
        script.Server.Send(reply.AsSpan(half));
        script.RunUntil(() => first.Ends == 1, "the first read ends");
        Assert.Equal(8ul, script.ReadRequest().Offset);
    }

    [Fact]
    public void A_write_that_is_answered_before_its_last_byte_left_ends_only_then()
    {
        using var script = ClientScript.Connected(Backend);
        using var write = new ScriptedRequest(NbdCommand.Write, 0, 16 << 20);
        script.Client.Submit(write.Request);
        WireRequest wire = script.ReadRequest();
        script.Reply(wire.Cookie, error: 28);
        script.RunFor(5);
        Assert.Equal(0, write.Ends);
        script.Read(16 << 20);
        script.RunUntil(() => write.Ends == 1, "the write ends");
        write.ExpectEnd(Errno.ENOSPC);
    }

    [Theory]
    [InlineData(1u, 1)]
    [InlineData(5u, 5)]
    [InlineData(22u, 22)]
    [InlineData(28u, 28)]
    [InlineData(108u, 108)]
    [InlineData(4711u, 22)]
    public void An_error_reply_has_no_data_and_the_next_reply_follows(uint wireError, int error)
    {
        using var script = ClientScript.Connected(Backend);
        using ScriptedRequest bad = script.Submit(NbdCommand.Read, 0, 4096);
        using ScriptedRequest good = script.Submit(NbdCommand.Read, 0, 2);
        ulong badCookie = script.ReadRequest().Cookie;
        script.Server.Send([.. ClientScript.ReplyBytes(badCookie, wireError), .. ClientScript.ReplyBytes(script.ReadRequest().Cookie, data: [1, 2])]);
        script.RunUntil(() => good.Ends == 1, "both end");
        bad.ExpectEnd(error);
        good.ExpectEnd(0);
        Assert.Equal([1, 2], good.Memory.ToArray());
    }

    [Fact]
    public void Data_that_nobody_wants_is_dropped()
    {
        using var script = ClientScript.Connected(Backend);
        using ScriptedRequest first = new(NbdCommand.Read, 0, 100_000);
        first.Request.Destination = default;
        script.Client.Submit(first.Request);
        using ScriptedRequest second = script.Submit(NbdCommand.Flush, 0, 0);
        ulong cookie = script.ReadRequest().Cookie;
        script.Server.Send([.. ClientScript.ReplyBytes(cookie, data: new byte[100_000]), .. ClientScript.ReplyBytes(script.ReadRequest().Cookie)]);
        script.RunUntil(() => second.Ends == 1, "both end");
        first.ExpectEnd(0);
    }

    [Fact]
    public void Flags_and_fields_are_on_the_wire()
    {
        using var script = ClientScript.Connected(Backend);
        using var zeroes = new ScriptedRequest(NbdCommand.WriteZeroes, 0x1122334455667788, 0xfffffffe);
        zeroes.Request.Flags = NbdCommandFlags.Fua | NbdCommandFlags.NoHole;
        script.Client.Submit(zeroes.Request);
        WireRequest wire = script.ReadRequest();
        Assert.Equal((ushort)3, wire.Flags);
        Assert.Equal(NbdCommand.WriteZeroes, wire.Command);
        Assert.Equal(0x1122334455667788ul, wire.Offset);
        Assert.Equal(0xfffffffeu, wire.Length);
    }

    [Fact]
    public void Requests_beyond_the_table_wait_and_leave_as_slots_become_free()
    {
        using var script = ClientScript.Connected(Backend, new NbdClientOptions { MaxInFlight = 4 });
        ScriptedRequest[] flushes = [.. Enumerable.Range(0, 10).Select(_ => script.Submit(NbdCommand.Flush, 0, 0))];
        for (int i = 0; i < 10; i++)
        {
            script.Reply(script.ReadRequest().Cookie);
            script.RunUntil(() => flushes.Count(flush => flush.Ends == 1) == i + 1, $"{i + 1} requests have ended");
            Assert.True(script.Client.InFlightCount <= 4);
        }

        Dispose(flushes);
    }

    [Fact]
    public void A_request_may_be_submitted_again_from_its_completion()
    {
        using var script = ClientScript.Connected(Backend);
        using var flush = new ScriptedRequest(NbdCommand.Flush, 0, 0);
        flush.Then = () =>
        {
            if (flush.Ends < 100)
            {
                script.Client.Submit(flush.Request);
            }
        };
        script.Client.Submit(flush.Request);
        var cookies = new HashSet<ulong>();
        for (int i = 0; i < 100; i++)
        {
            ulong cookie = script.ReadRequest().Cookie;
            Assert.True(cookies.Add(cookie), "a cookie came twice");
            script.Reply(cookie);
        }

        script.RunUntil(() => flush.Ends == 100, "all have ended");
    }

    [Fact]
    public void Disconnect_waits_for_what_is_in_flight_then_sends_disc()
    {
        using var script = ClientScript.Connected(Backend);
        using ScriptedRequest first = script.Submit(NbdCommand.Flush, 0, 0);
        ulong cookie = script.ReadRequest().Cookie;
        script.Client.Disconnect();
        using ScriptedRequest late = script.Submit(NbdCommand.Flush, 0, 0);
        script.RunUntil(() => late.Ends == 1, "a request after the disconnect is refused");
        late.ExpectEnd(Errno.ESHUTDOWN);
        Assert.False(script.IsClosed);
        script.Reply(cookie);
        Assert.Equal(NbdCommand.Disconnect, script.ReadRequest().Command);
        script.ExpectClosed(0);
        first.ExpectEnd(0);
        Assert.Empty(script.Reason);
    }

    [Fact]
    public void Memory_that_does_not_fit_is_refused_at_once()
    {
        using var script = ClientScript.Connected(Backend);
        using var request = new ScriptedRequest(NbdCommand.Write, 0, 10);
        request.Request.Length = 11;
        Assert.Throws<ArgumentException>(() => script.Client.Submit(request.Request));
        request.Request.Length = 10;
        script.Client.Submit(request.Request);
        Assert.Throws<InvalidOperationException>(() => script.Client.Submit(request.Request));
        request.Then = () => Assert.Equal(1, request.Ends);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Steady_state_allocates_nothing(string backend) => AssertAllocatesNothing(backend, new NbdClientOptions());

    [Fact]
    public void Nor_does_a_timeline() => AssertAllocatesNothing(Backend, new NbdClientOptions { TimelineEntries = 1000 });

    private static void AssertAllocatesNothing(string backend, NbdClientOptions options)
    {
        using var script = ClientScript.Connected(backend, options);
        ScriptedRequest[] reads = [.. Enumerable.Range(0, 8).Select(_ => new ScriptedRequest(NbdCommand.Read, 0, 64))];
        byte[] replies = new byte[8 * 80];
        byte[] wire = new byte[8 * 28];
        long before = 0;
        for (int round = 0; round < 200; round++)
        {
            if (round == 100)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            Exchange(script, reads, wire, replies);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Dispose(reads);
    }

    private static void Exchange(ClientScript script, ScriptedRequest[] reads, byte[] wire, byte[] replies)
    {
        foreach (ScriptedRequest read in reads)
        {
            script.Client.Submit(read.Request);
        }

        int got = 0;
        while (got < wire.Length)
        {
            if (script.Server.Available == 0)
            {
                script.Loop.RunOnce();
                continue;
            }

            got += script.Server.Receive(wire.AsSpan(got));
        }

        for (int i = 0; i < reads.Length; i++)
        {
            Span<byte> reply = replies.AsSpan(i * 80, 80);
            Replies.WriteSimple(reply, NbdError.None, System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(wire.AsSpan((i * 28) + 8)));
        }

        script.Server.Send(replies.AsSpan());
        int ends = reads[0].Ends;
        while (reads[^1].Ends == ends)
        {
            script.Loop.RunOnce();
        }
    }

    private static void Dispose(ScriptedRequest[] requests) => Array.ForEach(requests, request => request.Dispose());
}
