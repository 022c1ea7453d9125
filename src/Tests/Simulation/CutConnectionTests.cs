using Harness.Io;
using Harness.Matrix;
using Harness.Nbd;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>
/// Client and server over a stream that is cut into pieces at random, which changes nothing; and over one that breaks at a byte, at every byte: each request
/// ends exactly once, and the reason says which side ended, where, and why. With both of the client's sides on one loop, with one at a time, and with each on
/// a loop of its own, whose turns come in an order drawn at random.
/// </summary>
public class CutConnectionTests(ITestOutputHelper output)
{
    private const int DiskBytes = 64 << 10;

    [Theory]
    [InlineData(ReplyForm.Simple, "full")]
    [InlineData(ReplyForm.Structured, "full")]
    [InlineData(ReplyForm.Extended, "full")]
    [InlineData(ReplyForm.Simple, "half")]
    [InlineData(ReplyForm.Structured, "half")]
    [InlineData(ReplyForm.Simple, "threads")]
    [InlineData(ReplyForm.Structured, "threads")]
    [InlineData(ReplyForm.Extended, "threads")]
    public void However_it_is_cut_the_results_are_the_same(ReplyForm form, string duplex)
    {
        int seeds = TestScale.Pick(25, 2000);
        long bytes = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            var random = new Random(seed);
            var options = new NbdClientOptions { ExportName = "disk", Replies = form, MaxInFlight = random.Next(1, 20) };
            using var world = new World(options, duplex, seed, capacity: 1 << random.Next(4, 13), most: 1 << random.Next(0, 13));
            world.Start();
            world.RunUntil(() => world.IsReady || world.Closed == 1);
            Assert.True(world.IsReady, $"seed {seed}: {world.Reason}");
            world.Work(random, operations: 60, depth: random.Next(1, 9));
            world.Client.Disconnect();
            world.RunUntil(() => world.Closed == 1);
            Assert.Equal((0, ""), (world.Error, world.Reason));
            bytes += world.BytesPassed;
        }

        output.WriteLine($"{seeds} seeds, {bytes} bytes");
        Assert.True(bytes > seeds * 50_000L, $"only {bytes} bytes have passed");
    }

    public static TheoryData<ReplyForm, string, bool, bool> Breaks()
    {
        var all = new TheoryData<ReplyForm, string, bool, bool>();
        foreach (string duplex in Vocabulary.Duplexes)
        {
            foreach ((bool toServer, bool isReset) in (ReadOnlySpan<(bool, bool)>)[(false, false), (false, true), (true, false), (true, true)])
            {
                all.Add(ReplyForm.Simple, duplex, toServer, isReset);
                all.Add(ReplyForm.Structured, duplex, toServer, isReset);
                all.Add(ReplyForm.Extended, duplex, toServer, isReset);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Breaks))]
    public void Wherever_it_breaks_each_request_ends_once_and_the_reason_says_where(ReplyForm form, string duplex, bool toServer, bool isReset)
    {
        for (int bytes = 0; ; bytes++)
        {
            string what = $"cut after {bytes} bytes {(toServer ? "to the server" : "to the client")}";
            using var world = new World(Options(form), duplex, seed: bytes, 1 << 16, 1 << 16, new PipeCut(toServer, bytes, isReset));
            world.SubmitsWhenReady = true;
            world.Start();
            world.RunUntil(() => world.Closed > 0 || world.AllEnded);
            if (world.Closed == 0)
            {
                // Beyond the last byte of the last reply.
                Assert.All(world.Requests, request => request.ExpectEnd(0));
                Assert.True(bytes > 200, "the connection never broke");
                output.WriteLine($"broken at each of {bytes} bytes");
                return;
            }

            Assert.Equal(1, world.Closed);
            Assert.True(world.Error > 0, what);
            Assert.All(world.Requests, request => Assert.True(request.Ends == 1, $"{what}: a request has ended {request.Ends} times"));
            AssertReason(world, isReset, what);
        }
    }

    private static NbdClientOptions Options(ReplyForm form) => new()
    {
        ExportName = "disk",
        Replies = form,
        MetaContexts = form == ReplyForm.Simple ? [] : [MetaContext.Allocation],
        HandshakeTimeoutNs = 0,

        // Fewer than there are requests, so that some have not been sent when it breaks.
        MaxInFlight = 3,
    };

    /// <summary>The peer, which side ended it, why, and where: in the handshake at which step, afterwards where both sides were.</summary>
    private static void AssertReason(World world, bool isReset, string what)
    {
        Assert.True(world.Reason.StartsWith("server: the server ", StringComparison.Ordinal), $"{what}: {world.Reason}");
        Assert.DoesNotContain('\n', world.Reason);
        string[] words = isReset ? ["reset the connection", "ECONNRESET"] : ["closed the connection"];
        Assert.All(words, word => Assert.True(world.Reason.Contains(word, StringComparison.Ordinal), $"{what}: {world.Reason}"));
        string[] places = world.IsReady ? ["(read side: ", "; write side: ", "; in flight: "] : [" while waiting for "];
        Assert.All(places, place => Assert.True(world.Reason.Contains(place, StringComparison.Ordinal), $"{what}: {world.Reason}"));
    }

    private sealed class World : INbdClientHandler, IDisposable
    {
        private readonly SimulatedServer _server = new(new MemoryStore(DiskBytes));
        private readonly EventLoop? _sendLoop;
        private readonly Random _turns;
        private readonly CutPipe _stream;
        private readonly byte[] _disk = new byte[DiskBytes];

        public World(NbdClientOptions options, string duplex, int seed, int capacity, int most, PipeCut? cut = null)
        {
            _turns = new Random(seed);
            _sendLoop = duplex == "threads" ? new EventLoop(new SimulatedBackend()) : null;
            _stream = new CutPipe(_server.Loop, new Random(seed), capacity, most, cut, _sendLoop);
            _server.Server.Serve(_stream.Server);
            Client = new NbdClient(_stream.Client, _stream.Sender, options with { HalfDuplex = duplex == "half" }, this);
        }

        public NbdClient Client { get; }
        public List<ScriptedRequest> Requests { get; } = [];
        public bool SubmitsWhenReady { get; set; }
        public bool IsReady { get; private set; }
        public int Closed { get; private set; }
        public int Error { get; private set; }
        public string Reason { get; private set; } = string.Empty;
        public long BytesPassed => _stream.ToServer + _stream.ToClient;
        public bool AllEnded => IsReady && Requests.All(request => request.Ends > 0);

        public void Start() => Client.Start();

        public void OnReady(NbdClient client)
        {
            IsReady = true;
            if (!SubmitsWhenReady)
            {
                return;
            }

            Submit(NbdCommand.Write, 0, 40);
            Submit(NbdCommand.Read, 0, 50);
            Submit(NbdCommand.Flush, 0, 0);
            Submit(NbdCommand.Read, DiskBytes - 1, 10);
            Submit(NbdCommand.Trim, 4096, 4096);
            if (client.MetaContexts.Count > 0)
            {
                Submit(NbdCommand.BlockStatus, 0, DiskBytes);
            }

            Submit(NbdCommand.Read, 4096, 30);
        }

        public void OnClosed(NbdClient client, int error, string reason)
        {
            Closed++;
            (Error, Reason) = (error, reason);
        }

        /// <summary>Random reads and writes, each in flight over bytes of its own, against a model of the disk.</summary>
        public void Work(Random random, int operations, int depth)
        {
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
                int length = random.Next(1, random.Next(2, share));
                int offset = (place * share) + random.Next(share - length);
                var request = new ScriptedRequest(random.Next(2) == 0 ? NbdCommand.Read : NbdCommand.Write, (ulong)offset, (uint)length);
                if (request.Request.Command == NbdCommand.Write)
                {
                    random.NextBytes(request.Memory);
                    request.Memory.CopyTo(_disk.AsSpan(offset));
                }

                request.Then = () =>
                {
                    request.ExpectEnd(0);
                    Assert.True(request.Memory.SequenceEqual(_disk.AsSpan(offset, length)), $"wrong data at {offset}");
                    request.Dispose();
                    busy--;
                    Next(place);
                };
                Client.Submit(request.Request);
            }

            for (int place = 0; place < depth; place++)
            {
                Next(place);
            }

            RunUntil(() => busy == 0 || Closed > 0);
            Assert.True(Closed == 0, Reason);
        }

        public void RunUntil(Func<bool> condition)
        {
            for (long turns = 0; !condition(); turns++)
            {
                Assert.True(turns < 5_000_000, $"nothing more happens: {Client.Describe()}");
                EventLoop loop = _sendLoop is not null && _turns.Next(2) == 0 ? _sendLoop : _server.Loop;
                loop.RunOnceWithoutSleep();
            }
        }

        public void Dispose()
        {
            if (Closed == 0)
            {
                Client.Drop(32, "the test is over");
                RunUntil(() => Closed == 1);
            }

            _server.Settle();
            Requests.ForEach(request => request.Dispose());
            Client.Dispose();
            _server.Dispose();
            _sendLoop?.Dispose();
        }

        private void Submit(NbdCommand command, ulong offset, uint length)
        {
            var request = new ScriptedRequest(command, offset, length);
            if (offset == DiskBytes - 1)
            {
                request.Request.Length = 1;
            }

            Requests.Add(request);
            Client.Submit(request.Request);
        }
    }
}
