using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A session whose connections break at random bytes again and again: each request has exactly one outcome, the data is what it would have been without, and a
/// FLUSH does not promise what it cannot know. And what is decided of each command whose connection broke.
/// </summary>
public class SessionCutTests
{
    private const int DiskBytes = 64 << 10;

    [Theory]
    [InlineData(ReplyForm.Simple)]
    [InlineData(ReplyForm.Structured)]
    [InlineData(ReplyForm.Extended)]
    public void However_often_it_breaks_each_request_ends_once_and_well(ReplyForm form)
    {
        long reissued = 0;
        for (int seed = 0; seed < TestScale.Pick(40, 3000); seed++)
        {
            var random = new Random(seed);
            var options = new NbdSessionOptions
            {
                Client = new NbdClientOptions { Replies = form, MaxInFlight = 8, MaxBatchRequests = 8 },
                Connections = random.Next(1, 4),
                MaxReissues = int.MaxValue,
                AwayTimeoutNs = 0,
            };
            using var world = new SessionWorld(new MemoryStore(DiskBytes), options, (loop, _) =>
            {
                var cut = new PipeCut(random.Next(2) == 0, random.Next(20, 40_000), random.Next(2) == 0);
                return new CutPipe(loop, random, 1 << random.Next(6, 13), 1 << random.Next(2, 13), cut);
            });
            world.Session.Start();
            Work(world, random, operations: 80, depth: random.Next(1, 9));
            reissued += world.Session.Reissued;

            // DISC may meet a break as well; the end is told all the same.
            world.Session.Disconnect();
            world.RunUntil(() => world.Closed == 1, "it is closed");
            Assert.Equal(0, world.Error);
        }

        Assert.True(reissued > 20, $"only {reissued} requests were sent again");
    }

    [Fact]
    public void What_is_not_sent_again_ends_once_too()
    {
        int failed = 0;
        for (int seed = 0; seed < TestScale.Pick(40, 3000); seed++)
        {
            var random = new Random(seed);
            var options = new NbdSessionOptions { ReissueChanges = false, MaxReissues = 1, Connections = 2, AwayTimeoutNs = 0 };
            using var world = new SessionWorld(new MemoryStore(DiskBytes), options, (loop, number) => new CutPipe(
                loop, random, 4096, 4096, new PipeCut(random.Next(2) == 0, random.Next(20, 8000), random.Next(2) == 0)));
            world.Session.Start();
            NbdCommand[] commands = [NbdCommand.Read, NbdCommand.Trim, NbdCommand.Write];
            List<ScriptedRequest> all = [.. Enumerable.Range(0, 60).Select(i => i % 4 == 3
                ? world.Submit(NbdCommand.Flush)
                : world.Submit(commands[i % 4], (ulong)i * 1024, 1024))];
            world.RunUntil(() => all.All(request => request.Ends > 0), "all have ended");
            Assert.All(all, request => Assert.Equal(1, request.Ends));
            failed += all.Count(request => request.Error != 0);
            all.ForEach(request => request.Dispose());
        }

        Assert.True(failed > 20, $"only {failed} requests failed");
    }

    [Theory]
    [InlineData(NbdCommand.Read, true)]
    [InlineData(NbdCommand.Write, true)]
    [InlineData(NbdCommand.Trim, true)]
    [InlineData(NbdCommand.WriteZeroes, true)]
    [InlineData(NbdCommand.Cache, true)]
    [InlineData(NbdCommand.Write, false)]
    [InlineData(NbdCommand.Trim, false)]
    [InlineData(NbdCommand.Read, false)]
    public void A_command_in_flight_is_sent_again_where_that_is_safe(NbdCommand command, bool reissueChanges)
    {
        using var lab = new Lab(new NbdSessionOptions { ReissueChanges = reissueChanges });
        using ScriptedRequest request = lab.World.Submit(command, 4096, 4096, command is NbdCommand.Read or NbdCommand.Cache ? 0 : NbdCommandFlags.Fua);
        lab.UntilHeld(1);
        lab.BreakAll();
        bool isChange = command is NbdCommand.Write or NbdCommand.Trim;
        if (isChange && !reissueChanges)
        {
            lab.World.RunUntil(() => request.Ends == 1, "it has failed");
            request.ExpectEnd(Errno.ECONNRESET);
            return;
        }

        lab.UntilHeld(2);
        lab.Answer();
        lab.World.RunUntil(() => request.Ends == 1, "it is answered");
        request.ExpectEnd(0);
        Assert.Equal((1, 1, 1), (lab.World.Lost, lab.World.Restored, lab.World.Session.Reissued));
    }

    [Fact]
    public void A_flush_in_flight_is_sent_again_only_where_nothing_can_be_lost()
    {
        using var lab = new Lab(new NbdSessionOptions());
        using ScriptedRequest first = lab.World.Submit(NbdCommand.Flush);
        lab.UntilHeld(1);
        lab.BreakAll();
        lab.UntilHeld(2);
        lab.Answer();
        lab.World.RunUntil(() => first.Ends == 1, "it is answered");
        first.ExpectEnd(0);

        // A WRITE that was answered and not flushed makes the difference.
        using ScriptedRequest write = lab.Done(NbdCommand.Write);
        using ScriptedRequest second = lab.World.Submit(NbdCommand.Flush);
        lab.UntilHeld(1);
        lab.BreakAll();
        lab.World.RunUntil(() => second.Ends == 1, "it has failed");
        second.ExpectEnd(Errno.EIO);
        lab.Answer();

        // It was told; the next one is good.
        using ScriptedRequest third = lab.Done(NbdCommand.Flush);
        third.ExpectEnd(0);
    }

    [Fact]
    public void Where_unflushed_writes_may_be_lost_the_next_flush_fails_once()
    {
        using var lab = new Lab(new NbdSessionOptions());
        using ScriptedRequest write = lab.Done(NbdCommand.Write);
        lab.BreakAll();
        lab.World.RunUntil(() => lab.World.Restored == 1, "it is connected again");
        var texts = new Texts();
        using var flush = new ScriptedRequest(NbdCommand.Flush, 0, 0);
        flush.Request.Chunks = texts;
        lab.World.Session.Submit(flush.Request);
        Assert.Equal(0, flush.Ends);
        lab.World.RunUntil(() => flush.Ends == 1, "it has failed");
        flush.ExpectEnd(Errno.EIO);
        Assert.Contains("may be lost", Assert.Single(texts.All), StringComparison.Ordinal);
        using ScriptedRequest again = lab.Done(NbdCommand.Flush);
        again.ExpectEnd(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Flushed_writes_and_those_with_FUA_are_not_missed(bool fua)
    {
        using var lab = new Lab(new NbdSessionOptions());
        using ScriptedRequest write = lab.Done(NbdCommand.Write, fua ? NbdCommandFlags.Fua : 0);
        using ScriptedRequest? flush = fua ? null : lab.Done(NbdCommand.Flush);
        lab.BreakAll();
        lab.World.RunUntil(() => lab.World.Restored == 1, "it is connected again");
        using ScriptedRequest after = lab.Done(NbdCommand.Flush);
        after.ExpectEnd(0);
    }

    [Fact]
    public void A_request_that_brings_the_server_down_each_time_ends_in_the_end()
    {
        using var lab = new Lab(new NbdSessionOptions { MaxReissues = 2 });
        using ScriptedRequest request = lab.World.Submit(NbdCommand.Read, 0, 512);
        for (int i = 1; i <= 3; i++)
        {
            lab.UntilHeld(i);
            lab.BreakAll();
        }

        lab.World.RunUntil(() => request.Ends == 1, "it has failed");
        request.ExpectEnd(Errno.ECONNRESET);
        Assert.Equal(2, lab.World.Session.Reissued);
    }

    [Fact]
    public void Pauses_double_and_after_the_limit_the_session_ends()
    {
        var options = new NbdSessionOptions { FirstPauseNs = 10_000_000, LongestPauseNs = 80_000_000, AwayTimeoutNs = 2_000_000_000 };
        using var lab = new Lab(options);
        lab.World.IsUp = false;
        using ScriptedRequest waits = lab.World.Submit(NbdCommand.Read, 0, 512);
        lab.UntilHeld(1);
        long startNs = lab.World.NowNs;
        lab.BreakAll();
        lab.World.RunUntil(() => lab.World.Closed == 1, "it has given up");
        waits.ExpectEnd(Errno.ECONNREFUSED);
        Assert.Equal(Errno.ECONNREFUSED, lab.World.Error);
        Assert.Contains("no connection for 2 s: server: nobody listens here", lab.World.Reason, StringComparison.Ordinal);
        Assert.InRange(lab.World.NowNs - startNs, 2_000_000_000, 2_100_000_000);
    }

    [Fact]
    public void Requests_are_spread_over_connections_only_where_the_server_promises_that()
    {
        using var one = new Lab(new NbdSessionOptions { Connections = 4 });
        one.World.RunUntil(() => one.World.Session.ReadyConnections >= 1, "it is ready");
        Assert.Single(one.Streams);

        var streams = new List<CutPipe>();
        using var world = new SessionWorld(new MemoryStore(DiskBytes), new NbdSessionOptions { Connections = 4 }, (loop, _) =>
        {
            streams.Add(new CutPipe(loop, new Random(1), 1 << 16, 1 << 16));
            return streams[^1];
        });
        world.Session.Start();
        world.RunUntil(() => world.Session.ReadyConnections == 4, "all are ready");
        long[] before = [.. streams.Select(stream => stream.ToServer)];
        List<ScriptedRequest> all = [.. Enumerable.Range(0, 40).Select(_ => world.Submit(NbdCommand.Read, 0, 512))];
        world.RunUntil(() => all.All(request => request.Ends == 1), "all are answered");
        Assert.All(streams.Zip(before), pair => Assert.Equal(10 * 28, pair.First.ToServer - pair.Second));
        all.ForEach(request => request.Dispose());
    }

    [Fact]
    public void Disconnect_finishes_what_is_in_flight_and_refuses_the_rest()
    {
        using var lab = new Lab(new NbdSessionOptions());
        using ScriptedRequest request = lab.World.Submit(NbdCommand.Read, 0, 512);
        lab.UntilHeld(1);
        lab.World.Session.Disconnect();
        using ScriptedRequest late = lab.World.Submit(NbdCommand.Read, 0, 512);
        Assert.Equal(0, late.Ends);
        lab.World.RunUntil(() => late.Ends == 1, "it is refused");
        late.ExpectEnd(Errno.ESHUTDOWN);
        Assert.Equal((0, 0), (request.Ends, lab.World.Closed));
        lab.Answer();
        lab.World.RunUntil(() => lab.World.Closed == 1, "it is closed");
        request.ExpectEnd(0);
        Assert.Equal((0, string.Empty), (lab.World.Error, lab.World.Reason));
    }

    [Fact]
    public void In_the_steady_state_nothing_is_allocated()
    {
        using var world = new SessionWorld(
            new MemoryStore(DiskBytes), new NbdSessionOptions(), (loop, _) => new CutPipe(loop, new Random(1), 1 << 16, 1 << 16));
        world.Session.Start();
        world.RunUntil(() => world.Ready == 1, "it is ready");
        int left = 0;
        using var request = new ScriptedRequest(NbdCommand.Write, 0, 512);
        request.Then = () =>
        {
            if (--left > 0)
            {
                world.Session.Submit(request.Request);
            }
        };
        Func<bool> isDone = () => left == 0;
        long before = 0;
        foreach (int count in (int[])[500, 2000])
        {
            left = count;
            before = GC.GetAllocatedBytesForCurrentThread();
            world.Session.Submit(request.Request);
            world.RunUntil(isDone, "all are answered");
        }

        long each = (GC.GetAllocatedBytesForCurrentThread() - before) / 2000;
        Assert.True(each == 0, $"{each} bytes for each request");
    }

    private static void Work(SessionWorld world, Random random, int operations, int depth)
    {
        byte[] disk = new byte[DiskBytes];
        int share = DiskBytes / depth;
        int left = operations;
        int busy = 0;
        void Next(int place)
        {
            if (left-- <= 0)
            {
                return;
            }

            busy++;
            int kind = random.Next(5);
            int length = random.Next(1, random.Next(2, Math.Min(share, 4096)));
            int offset = (place * share) + random.Next(share - length);
            NbdCommand command = kind switch { 0 or 1 => NbdCommand.Read, 2 or 3 => NbdCommand.Write, _ => NbdCommand.Flush };
            bool isFlush = command == NbdCommand.Flush;
            var request = new ScriptedRequest(command, isFlush ? 0 : (ulong)offset, isFlush ? 0 : (uint)length);
            if (command == NbdCommand.Write)
            {
                random.NextBytes(request.Memory);
                request.Memory.CopyTo(disk.AsSpan(offset));
            }

            request.Then = () =>
            {
                Assert.Equal(1, request.Ends);
                Assert.True(request.Error == 0 || (isFlush && request.Error == Errno.EIO), $"{command} ended with {request.Error}");
                Assert.True(isFlush || request.Memory.SequenceEqual(disk.AsSpan(offset, length)), $"wrong data at {offset}");
                request.Dispose();
                busy--;
                Next(place);
            };
            world.Session.Submit(request.Request);
        }

        for (int place = 0; place < depth; place++)
        {
            Next(place);
        }

        world.RunUntil(() => busy == 0, "all have ended");
        Assert.Equal(0, world.Closed);
    }

    private sealed class Texts : IClientChunkHandler
    {
        public List<string> All { get; } = [];

        public void OnError(ClientRequest request, int error, ulong? offset, string text) => All.Add(text);
    }

    /// <summary>A session to a server that holds what it is asked until the test says so, and whose connections the test breaks.</summary>
    private sealed class Lab : IDisposable
    {
        private readonly HeldBlock _block = new AbleBlock();

        public Lab(NbdSessionOptions options)
        {
            World = new SessionWorld(_block, options, (loop, _) =>
            {
                Streams.Add(new CutPipe(loop, new Random(1), 1 << 16, 1 << 16));
                return Streams[^1];
            });
            World.Session.Start();
            World.RunUntil(() => World.Ready == 1, "it is ready");
        }

        public SessionWorld World { get; }

        public List<CutPipe> Streams { get; } = [];

        /// <summary>So many requests have come to the server; those of connections that broke are among them.</summary>
        public void UntilHeld(int count) => World.RunUntil(() => _block.Held.Count >= count, $"{count} requests have come");

        public void Answer() => _block.CompleteAll();

        /// <summary>Submits, and has it answered.</summary>
        public ScriptedRequest Done(NbdCommand command, NbdCommandFlags flags = 0)
        {
            ScriptedRequest request = World.Submit(command, 0, command == NbdCommand.Flush ? 0 : 512u, flags);
            UntilHeld(1);
            Answer();
            World.RunUntil(() => request.Ends == 1, "it is answered");
            request.ExpectEnd(0);
            return request;
        }

        public void BreakAll()
        {
            World.Kill(Streams);
            Streams.Clear();
        }

        public void Dispose()
        {
            Answer();
            World.Dispose();
        }
    }

    private sealed class AbleBlock : HeldBlock
    {
        public override BlockCapabilities Capabilities => base.Capabilities | BlockCapabilities.Fua | BlockCapabilities.Cache;
    }
}
