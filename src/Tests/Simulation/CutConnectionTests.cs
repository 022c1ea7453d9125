using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Client and server over a stream that is cut into pieces at random, which changes nothing; and over one that breaks at a byte, at every byte: each request
/// ends exactly once, and the reason says which side ended, where, and why.
/// </summary>
public class CutConnectionTests
{
    private const int DiskBytes = 64 << 10;

    [Theory]
    [InlineData(ReplyForm.Simple, false)]
    [InlineData(ReplyForm.Structured, false)]
    [InlineData(ReplyForm.Extended, false)]
    [InlineData(ReplyForm.Simple, true)]
    public void However_it_is_cut_the_results_are_the_same(ReplyForm form, bool halfDuplex)
    {
        for (int seed = 0; seed < TestScale.Pick(25, 2000); seed++)
        {
            var random = new Random(seed);
            using var world = new World(new NbdClientOptions { ExportName = "disk", Replies = form, HalfDuplex = halfDuplex }, loop =>
                new CutPipe(loop, random, capacity: 1 << random.Next(4, 13), most: 1 << random.Next(0, 13)));
            world.Start();
            world.RunUntil(() => world.IsReady || world.Closed == 1);
            Assert.True(world.IsReady, $"seed {seed}: {world.Reason}");
            world.Work(random, operations: 60, depth: random.Next(1, 9));
            world.Client.Disconnect();
            world.RunUntil(() => world.Closed == 1);
            Assert.Equal((0, ""), (world.Error, world.Reason));
        }
    }

    [Theory]
    [InlineData(ReplyForm.Simple, true, false)]
    [InlineData(ReplyForm.Simple, true, true)]
    [InlineData(ReplyForm.Simple, false, false)]
    [InlineData(ReplyForm.Simple, false, true)]
    [InlineData(ReplyForm.Structured, false, false)]
    [InlineData(ReplyForm.Structured, true, true)]
    [InlineData(ReplyForm.Extended, false, false)]
    [InlineData(ReplyForm.Extended, true, true)]
    public void Wherever_it_breaks_each_request_ends_once_and_the_reason_says_where(ReplyForm form, bool toServer, bool isReset)
    {
        for (long bytes = 0; ; bytes++)
        {
            string what = $"cut after {bytes} bytes {(toServer ? "to the server" : "to the client")}";
            using var world = new World(Options(form), loop => new CutPipe(loop, new Random(1), 1 << 16, 1 << 16, new PipeCut(toServer, bytes, isReset)));
            world.SubmitsWhenReady = true;
            world.Start();
            world.RunUntil(() => world.Closed > 0 || world.AllEnded);
            if (world.Closed == 0)
            {
                // Beyond the last byte of the last reply.
                Assert.All(world.Requests, request => request.ExpectEnd(0));
                Assert.True(bytes > 200, "the connection never broke");
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

    private static void AssertReason(World world, bool isReset, string what)
    {
        Assert.True(world.Reason.StartsWith("server: ", StringComparison.Ordinal), $"{what}: {world.Reason}");
        Assert.DoesNotContain('\n', world.Reason);

        // Which side, and why; in the handshake at which step, afterwards where both sides were.
        string[] ends = isReset ? ["ECONNRESET"] : ["the server closed the connection", "EPIPE"];
        Assert.True(ends.Any(end => world.Reason.Contains(end, StringComparison.Ordinal)), $"{what}: {world.Reason}");
        string[] places = world.IsReady ? ["read side: "] : ["while ", "instead of serving"];
        Assert.True(places.Any(place => world.Reason.Contains(place, StringComparison.Ordinal)), $"{what}: {world.Reason}");
    }

    private sealed class World : INbdClientHandler, IDisposable
    {
        private readonly SimulatedServer _server = new(new MemoryStore(DiskBytes));
        private readonly byte[] _disk = new byte[DiskBytes];

        public World(NbdClientOptions options, Func<EventLoop, CutPipe> pipe)
        {
            CutPipe stream = pipe(_server.Loop);
            _server.Server.Serve(stream.Server);
            Client = new NbdClient(stream.Client, options, this);
        }

        public NbdClient Client { get; }
        public List<ScriptedRequest> Requests { get; } = [];
        public bool SubmitsWhenReady { get; set; }
        public bool IsReady { get; private set; }
        public int Closed { get; private set; }
        public int Error { get; private set; }
        public string Reason { get; private set; } = string.Empty;
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
                _server.Loop.RunOnceWithoutSleep();
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
