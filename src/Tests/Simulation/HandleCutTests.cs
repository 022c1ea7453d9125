using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A handle whose stream is cut into random pieces and breaks at a random byte, or does not: each request has exactly one outcome, and the end is told once.
/// The server lives on the handle's own guest loop, so there is no time in it.
/// </summary>
public class HandleCutTests
{
    private const int DiskBytes = 64 << 10;

    [Fact]
    public void Wherever_it_breaks_each_request_ends_once() => NeverSleeps.In(watch =>
    {
        int broken = 0;
        for (int seed = 0; seed < TestScale.Pick(40, 2000); seed++)
        {
            var random = new Random(seed);
            using var world = new World(random, watch);
            world.Run(random, requests: 40);
            broken += world.Error != 0 ? 1 : 0;
        }

        Assert.InRange(broken, 5, TestScale.Pick(38, 1990));
    });

    private sealed class World : IDisposable
    {
        private readonly BlockGraph _graph = new(new MemoryStore(DiskBytes));
        private readonly List<ScriptedRequest> _requests = [];
        private readonly TestedHandle _tested;
        private readonly int _fd;
        private readonly int _peer;
        private NbdServer? _server;

        public World(Random random, CallWatch watch)
        {
            var cut = new PipeCut(random.Next(2) == 0, random.Next(0, 60_000), random.Next(2) == 0);
            var options = new NbdClientOptions
            {
                ExportName = "disk",
                HandshakeTimeoutNs = 0,
                Replies = (ReplyForm)random.Next(3),
                MaxInFlight = 16,
                MaxBatchRequests = 8,
            };
            _tested = new TestedHandle(watch, options, transport =>
            {
                var stream = new CutPipe(transport.Loop, random, 1 << random.Next(7, 13), 1 << random.Next(3, 13), cut);
                _server = new NbdServer([new NbdExport("disk", _graph)], [transport.Loop], new NbdServerOptions(), new ServerLog(_ => { }));
                _server.Serve(stream.Server);
                return stream.Client;
            });
            (_fd, _peer) = Sockets.Pair();
        }

        public int Error => _tested.Error;

        public void Run(Random random, int requests)
        {
            NbdHandle handle = _tested.Handle;
            handle.Adopt(_fd, "memory");
            for (int i = 0; i < requests; i++)
            {
                // Some before it is ready, some after its end.
                int length = random.Next(1, 4096);
                NbdCommand command = random.Next(2) == 0 ? NbdCommand.Read : NbdCommand.Write;
                var request = new ScriptedRequest(command, (ulong)random.Next(DiskBytes - length), (uint)length);
                _requests.Add(request);
                handle.Issue(request.Request);
                for (int turns = random.Next(3); turns > 0; turns--)
                {
                    handle.NotifyWake();
                }
            }

            Until(() => _requests.All(request => request.Ends > 0));
            if (_tested.Closed == 0)
            {
                Assert.All(_requests, request => request.ExpectEnd(0));
                handle.Disconnect();
                Until(() => _tested.Closed > 0);
            }

            for (int i = 0; i < 20; i++)
            {
                handle.NotifyWake();
            }

            Assert.All(_requests, request => Assert.Equal(1, request.Ends));
            Assert.Equal(1, _tested.Closed);
            Assert.Equal(_tested.Error == 0, _tested.Reason.Length == 0);
        }

        public void Dispose()
        {
            _server!.Loops[0].Dispose();
            _tested.Dispose();
            _graph.Dispose();
            _requests.ForEach(request => request.Dispose());
            Sockets.CloseUnused(_fd);
            Sockets.CloseUnused(_peer);
        }

        private void Until(Func<bool> condition)
        {
            for (int turns = 0; !condition(); turns++)
            {
                Assert.True(turns < 1_000_000, $"nothing more happens: {_tested.Handle.Describe()}");
                _tested.Handle.NotifyWake();
            }
        }
    }
}
