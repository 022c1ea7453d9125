using System.Net.Sockets;
using Harness.Io;
using Harness.Load;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A client whose two sides are on two threads: the same results however the stream is cut, one outcome for each request however it ends, memory given back
/// only when it has been sent, and nothing allocated.
/// </summary>
public class ClientThreadsTests
{
    private const int DiskBytes = 256 << 10;
    private const int WriteBytes = 8 << 20;

    [Theory]
    [InlineData("epoll", ReplyForm.Simple)]
    [InlineData("uring", ReplyForm.Simple)]
    [InlineData("uring", ReplyForm.Extended)]
    [InlineData("uring-poll", ReplyForm.Structured)]
    public void However_it_is_cut_the_results_are_the_same(string backend, ReplyForm form)
    {
        using var server = new LiveServer("epoll", 1, $"memory:{DiskBytes}");
        for (int seed = 0; seed < TestScale.Pick(6, 400); seed++)
        {
            var random = new Random(seed);
            int most = 1 << random.Next(0, 16);
            int depth = random.Next(1, 17);

            // Fewer slots than requests, so that some wait for one.
            var options = new NbdClientOptions { Replies = form, MaxInFlight = Math.Max(1, depth - 2) };
            using var client = new ThreadedClient(backend, server.Uri, options, transport => new CuttingTransport(transport, random.Next(), most));
            Work(client, random, TestScale.Pick(most < 64 ? 12 : 150, 400), depth, most);
        }
    }

    [Fact]
    public void A_write_that_was_answered_early_ends_when_it_has_left()
    {
        using var sender = new SenderThread("epoll", "block");
        using ClientScript script = ClientScript.Connected("epoll", sendLoop: sender.Loop);
        ScriptedRequest write = script.Submit(NbdCommand.Write, 0, WriteBytes);
        script.Reply(script.ReadRequest().Cookie);
        ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 512);
        script.RunFor(50);
        Assert.Equal(0, write.Ends);
        ReceiveAll(script, WriteBytes);
        script.RunUntil(() => write.Ends == 1, "the write ends");
        script.Reply(script.ReadRequest().Cookie, data: new byte[512]);
        script.RunUntil(() => read.Ends == 1, "the read ends");
        write.ExpectEnd(0);
        read.ExpectEnd(0);
        write.Dispose();
        read.Dispose();
    }

    [Fact]
    public void A_reply_to_what_has_not_been_sent_takes_nothing_from_the_sender()
    {
        // Both loops on this thread, so that the sender does nothing until it is told to.
        using var sendLoop = new EventLoop(LoopBackends.Create("epoll"));
        using ClientScript script = ClientScript.Connected("epoll", sendLoop: sendLoop);
        ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 512);
        script.RunFor(5);

        // The first cookie of all, which a server may well guess.
        script.Reply(1ul << 32, data: new byte[512]);
        script.RunFor(20);
        Assert.Equal(0, read.Ends);
        sendLoop.RunOnceWithoutSleep();
        script.RunUntil(() => read.Ends == 1, "the request ends");
        read.ExpectEnd(0);
        read.Dispose();
        script.Client.Drop(32, "the test is over");
        while (!script.IsClosed)
        {
            script.Loop.RunOnceWithoutSleep();
            sendLoop.RunOnceWithoutSleep();
        }
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void However_the_server_ends_each_request_has_one_outcome(string backend)
    {
        for (int seed = 0; seed < TestScale.Pick(12, 500); seed++)
        {
            var random = new Random(seed);
            using var sender = new SenderThread(backend, "block");
            using ClientScript script = ClientScript.Connected(backend, new NbdClientOptions { MaxInFlight = 5 }, sender.Loop);
            ScriptedRequest[] requests =
            [
                .. Enumerable.Range(0, 8).Select(_ => random.Next(2) == 0
                    ? script.Submit(NbdCommand.Read, 0, 4096)
                    : script.Submit(NbdCommand.Write, 0, 1 << 20)),
            ];

            // It dies after some bytes, with or without having answered the first request.
            int bytes = random.Next(28, 2 << 20);
            ulong first = script.ReadRequest().Cookie;
            if (random.Next(2) == 0 && requests[0].Request.Command == NbdCommand.Read)
            {
                script.Reply(first, data: new byte[4096]);
            }

            var server = new Thread(() =>
            {
                byte[] buffer = new byte[64 << 10];
                for (int left = bytes, now = 1; left > 0 && now > 0 && script.Server.Poll(20_000, SelectMode.SelectRead); left -= now)
                {
                    now = script.Server.Receive(buffer, Math.Min(left, buffer.Length), SocketFlags.None);
                }

                script.Server.Dispose();
            });
            server.Start();
            script.RunUntil(() => script.IsClosed, "the connection is over");
            server.Join();
            Assert.True(script.Error > 0);
            Assert.Contains("write side: ", script.Reason, StringComparison.Ordinal);
            foreach (ScriptedRequest request in requests)
            {
                Assert.True(request.Ends == 1, $"seed {seed}: a {request.Request.Command} has ended {request.Ends} times");
                request.Dispose();
            }
        }
    }

    [Fact]
    public void A_request_that_cannot_leave_by_its_deadline_ends_the_connection()
    {
        using var sender = new SenderThread("epoll", "block");
        using ClientScript script = ClientScript.Connected("epoll", new NbdClientOptions { RequestTimeoutNs = 50_000_000 }, sender.Loop);
        ScriptedRequest write = script.Submit(NbdCommand.Write, 0, WriteBytes);
        ScriptedRequest read = script.Submit(NbdCommand.Read, 0, 512);
        script.ExpectClosed(110, "did not take a WRITE of 8388608 bytes within 50 ms");
        write.ExpectEnd(110);
        read.ExpectEnd(110);
        write.Dispose();
        read.Dispose();
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void Nothing_is_allocated_on_either_thread(string backend)
    {
        using var server = new LiveServer("epoll", 1, $"memory:{DiskBytes}");
        using var client = new ThreadedClient(backend, server.Uri, new NbdClientOptions { MaxInFlight = 8 });
        ScriptedRequest[] requests =
            [.. Enumerable.Range(0, 8).Select(i => new ScriptedRequest(i % 2 == 0 ? NbdCommand.Read : NbdCommand.Write, (ulong)i * 4096, 4096))];
        int left = 0;
        foreach (ScriptedRequest request in requests)
        {
            request.Then = () =>
            {
                if (left-- > requests.Length)
                {
                    client.Client.Submit(request.Request);
                }
            };
        }

        long Round(int operations)
        {
            left = operations;
            long before = GC.GetAllocatedBytesForCurrentThread() + client.Sender.Costs().AllocatedBytes;
            Array.ForEach(requests, request => client.Client.Submit(request.Request));
            while (left > 0)
            {
                client.Loop.RunOnce();
            }

            return GC.GetAllocatedBytesForCurrentThread() + client.Sender.Costs().AllocatedBytes - before;
        }

        Round(500);
        Assert.InRange(Round(20_000), 0, 1000);
        Array.ForEach(requests, request => request.Dispose());
    }

    [Fact]
    public void Half_duplex_and_one_loop_for_both_are_refused()
    {
        using var loop = new LoopHarness("epoll");
        using var other = new EventLoop(LoopBackends.Create("epoll"));
        (int fd, Socket peer) = loop.Pair();
        using (peer)
        {
            var transport = new PlainTransport(loop.Loop, fd, "test");
            var elsewhere = new PlainTransport(other, fd, "test");
            Assert.Contains("one thread", Refused(elsewhere, new NbdClientOptions { HalfDuplex = true }), StringComparison.Ordinal);
            Assert.Contains("same loop", Refused(transport, new NbdClientOptions()), StringComparison.Ordinal);
            string Refused(ITransport sender, NbdClientOptions options) =>
                Assert.Throws<ArgumentException>(() => new NbdClient(transport, sender, options, new Ended())).Message;
        }
    }

    /// <summary>Random reads and writes, each in flight over bytes of its own, against a model of the disk.</summary>
    private static void Work(ThreadedClient client, Random random, int operations, int depth, int most)
    {
        // Of a stream of single bytes a few hundred each are plenty.
        int share = Math.Min(DiskBytes / depth, most * 40);
        byte[] disk = new byte[DiskBytes];
        int left = operations;
        int busy = 0;
        void Submit(NbdCommand command, int offset, int length, Action next)
        {
            var request = new ScriptedRequest(command, (ulong)offset, (uint)length);
            if (command == NbdCommand.Write)
            {
                random.NextBytes(request.Memory);
                request.Memory.CopyTo(disk.AsSpan(offset));
            }

            busy++;
            request.Then = () =>
            {
                request.ExpectEnd(0);
                Assert.True(request.Memory.SequenceEqual(disk.AsSpan(offset, length)), $"wrong data at {offset}");
                request.Dispose();
                busy--;
                next();
            };
            client.Client.Submit(request.Request);
        }

        void Next(int place)
        {
            if (left-- > 0)
            {
                int length = random.Next(1, share);
                int offset = (place * share) + random.Next(share - length);
                Submit(random.Next(2) == 0 ? NbdCommand.Read : NbdCommand.Write, offset, length, () => Next(place));
            }
        }

        // The disk is what the last client left; each place begins with what it is from now on.
        for (int place = 0; place < depth; place++)
        {
            int mine = place;
            Submit(NbdCommand.Write, mine * share, share, () => Next(mine));
        }

        client.RunUntil(() => busy == 0 || client.Closed > 0, "every request ends");
        Assert.True(client.Closed == 0, client.Reason);
    }

    private static void ReceiveAll(ClientScript script, int bytes)
    {
        for (int left = bytes; left > 0;)
        {
            left -= script.Read(Math.Min(left, 64 << 10)).Length;
        }
    }

    private sealed class Ended : INbdClientHandler
    {
        public bool IsClosed { get; private set; }

        public void OnReady(NbdClient client)
        {
        }

        public void OnClosed(NbdClient client, int error, string reason) => IsClosed = true;
    }
}
