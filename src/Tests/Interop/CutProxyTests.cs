using Harness.Io;
using Harness.Load;
using Harness.Matrix;
using Harness.Nbd;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>
/// Real sockets and, where the client has two, real threads: a proxy between client and server cuts the connection at a byte, at every byte. Each request has
/// one outcome, and the reason says who ended it, where, and why.
/// </summary>
public sealed class CutProxyTests(ITestOutputHelper output) : IDisposable
{
    private const int DiskBytes = 1 << 20;
    private readonly LiveServer _server = new("epoll", 1, $"memory:{DiskBytes}");

    public static TheoryData<string, string, bool, bool> Cuts()
    {
        var all = new TheoryData<string, string, bool, bool>();
        foreach (string duplex in Vocabulary.Duplexes)
        {
            foreach ((string backend, bool toServer, bool isReset) in (ReadOnlySpan<(string, bool, bool)>)
                [("epoll", false, false), ("uring", false, true), ("uring", true, false), ("epoll", true, true)])
            {
                all.Add(backend, duplex, toServer, isReset);
            }
        }

        return all;
    }

    public void Dispose() => _server.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Cuts))]
    public void Wherever_it_is_cut_each_request_ends_once_and_the_reason_says_where(string backend, string duplex, bool toServer, bool isReset)
    {
        using var world = new World(_server.SocketPath, backend, duplex, ReplyForm.Structured);
        int cuts = 0;
        for (int bytes = 0; ; bytes++)
        {
            using Connection connection = world.Connect(new PipeCut(toServer, bytes, isReset), Small);
            if (!connection.RunToItsEnd(bytes, isReset))
            {
                Assert.True(bytes > 200, "the connection was never cut");
                output.WriteLine($"cut at {cuts} places of {bytes} bytes");
                return;
            }

            cuts++;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Cuts))]
    public void Large_requests_that_are_cut_end_once_too(string backend, string duplex, bool toServer, bool isReset)
    {
        using var world = new World(_server.SocketPath, backend, duplex, ReplyForm.Simple);
        var random = new Random(7);
        for (int i = 0; i < TestScale.Pick(5, 200); i++)
        {
            int bytes = random.Next(300, 2 << 20);
            using Connection connection = world.Connect(new PipeCut(toServer, bytes, isReset), Large);
            Assert.True(connection.RunToItsEnd(bytes, isReset), "it was not cut");
        }
    }

    private static IEnumerable<ScriptedRequest> Small(NbdClient client)
    {
        yield return new ScriptedRequest(NbdCommand.Write, 0, 40);
        yield return new ScriptedRequest(NbdCommand.Read, 0, 50);
        yield return new ScriptedRequest(NbdCommand.Flush, 0, 0);
        yield return new ScriptedRequest(NbdCommand.Trim, 4096, 4096);
        yield return new ScriptedRequest(NbdCommand.BlockStatus, 0, DiskBytes);
        yield return new ScriptedRequest(NbdCommand.Read, 4096, 30);
    }

    private static IEnumerable<ScriptedRequest> Large(NbdClient client) =>
        Enumerable.Range(0, 10).Select(i => new ScriptedRequest(i % 2 == 0 ? NbdCommand.Write : NbdCommand.Read, 0, 512 << 10));

    /// <summary>The client's loops, which live longer than one connection, and the proxy.</summary>
    private sealed class World(string server, string backend, string duplex, ReplyForm form) : IDisposable
    {
        private readonly LoopHarness _loop = new(backend);
        private readonly SenderThread? _sender = duplex == "threads" ? new SenderThread(backend, "block") : null;
        private readonly CutProxy _proxy = new(server);

        public LoopHarness Loop => _loop;

        public CutProxy Proxy => _proxy;

        public EventLoop? SendLoop => _sender?.Loop;

        public NbdClientOptions Options { get; } = new()
        {
            Replies = form,
            MetaContexts = form == ReplyForm.Simple ? [] : [MetaContext.Allocation],
            HalfDuplex = duplex == "half",

            // Fewer than there are requests, so that some have not been sent when it breaks.
            MaxInFlight = 4,
        };

        public Connection Connect(PipeCut cut, Func<NbdClient, IEnumerable<ScriptedRequest>> requests)
        {
            _proxy.Expect(cut);
            return new Connection(this, requests);
        }

        public void Dispose()
        {
            _sender?.Dispose();
            _loop.Dispose();
            _proxy.Dispose();
        }
    }

    private sealed class Connection : IConnectHandler, INbdClientHandler, IDisposable
    {
        private readonly World _world;
        private readonly Func<NbdClient, IEnumerable<ScriptedRequest>> _make;
        private readonly List<ScriptedRequest> _requests = [];
        private NbdClient? _client;
        private bool _isReady;
        private int _closed;
        private int _error;
        private string _reason = string.Empty;

        public Connection(World world, Func<NbdClient, IEnumerable<ScriptedRequest>> make)
        {
            (_world, _make) = (world, make);
            new ClientConnector(world.Loop.Loop, [world.Proxy.Endpoint], 0, this).Start();
        }

        public void OnConnected(ITransport transport)
        {
            ITransport? sender = _world.SendLoop is { } loop ? ((PlainTransport)transport).Duplicate(loop) : null;
            _client = new NbdClient(transport, sender, _world.Options, this);
            _client.Start();
        }

        // A reset may come before connect(2) has been looked at.
        public void OnConnectFailed(int error, string reason) => (_closed, _error, _reason) = (1, error, reason);

        public void OnReady(NbdClient client)
        {
            _isReady = true;
            _requests.AddRange(_make(client));
            _requests.ForEach(request => client.Submit(request.Request));
        }

        public void OnClosed(NbdClient client, int error, string reason) => (_closed, _error, _reason) = (_closed + 1, error, reason);

        /// <summary>False where everything was answered, and nothing cut.</summary>
        public bool RunToItsEnd(int bytes, bool isReset)
        {
            _world.Loop.RunUntil(() => _closed > 0 || (_isReady && _requests.All(request => request.Ends > 0)), $"the end after {bytes} bytes");
            bool isWhole = _closed == 0;
            if (isWhole)
            {
                Assert.All(_requests, request => request.ExpectEnd(0));
                _client!.Disconnect();
                _world.Loop.RunUntil(() => _closed > 0, "it has left");
            }

            Assert.Equal(1, _closed);
            Assert.All(_requests, request => Assert.True(request.Ends == 1, $"cut after {bytes} bytes: a request has ended {request.Ends} times"));
            if (_world.Proxy.WasCut && !isWhole)
            {
                AssertReason(bytes, isReset);
            }

            return _world.Proxy.WasCut;
        }

        public void Dispose()
        {
            _client?.Dispose();
            _requests.ForEach(request => request.Dispose());
        }

        private void AssertReason(int bytes, bool isReset)
        {
            // A close with bytes that nobody has read is a reset as well, and so is what a send finds out after the end.
            string[] ends = isReset ? ["reset the connection", "EPIPE"] : ["closed the connection", "reset the connection"];
            string[] places = _isReady ? ["(read side: "] : [" while waiting for ", "ECONNRESET"];
            string what = $"cut after {bytes} bytes: {_reason}";
            Assert.True(_error > 0, what);
            Assert.True(_reason.StartsWith("127.0.0.1:", StringComparison.Ordinal), what);
            Assert.True(ends.Any(end => _reason.Contains(end, StringComparison.Ordinal)), what);
            Assert.True(places.Any(place => _reason.Contains(place, StringComparison.Ordinal)), what);
        }
    }
}
