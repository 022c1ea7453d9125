using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A server process that is killed with SIGKILL under load and started again, several times: every request ends well, once, and what is in its file at the end
/// is what was written last.
/// </summary>
public sealed class SessionRestartTests : IDisposable
{
    private const int BlockBytes = 4096;
    private const int Blocks = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TempDir _folder = new();
    private Child? _server;

    private string Disk => _folder.File("disk.img");

    [SkippableTheory]
    [InlineData("epoll", 1)]
    [InlineData("uring", 4)]
    public void Killed_and_started_again_it_loses_no_request(string backend, int connections)
    {
        int kills = TestScale.Pick(2, 50);
        File.WriteAllBytes(Disk, new byte[Blocks * BlockBytes]);
        NeverSleeps.In(watch =>
        {
            StartServer();
            using var loop = new LoopHarness(backend);
            using SocketEndpoint endpoint = SocketEndpoint.Unix(_folder.File("s"));
            var options = new NbdSessionOptions { Connections = connections, MaxReissues = 1000, FirstPauseNs = 5_000_000, Watch = watch };
            var work = new Work(loop, endpoint, options);
            for (int i = 0; i < kills; i++)
            {
                long target = work.Ended + 200;
                loop.RunUntil(() => work.Ended >= target, "requests are answered");
                Assert.True(work.Session.Outstanding > 0);
                KillServer();
                StartServer();
            }

            work.Finish();
            Assert.True(work.Session.Reissued > 0, "nothing was in flight when the server was killed");
            Assert.True(work.Lost >= kills, $"{work.Lost} connections were lost in {kills} kills");

            // Answers were lost with the server that gave them, as far as a client can know: one FLUSH says so, the next is good.
            Assert.Equal([Errno.EIO, 0], work.Flushes);
            KillServer();
            byte[] disk = File.ReadAllBytes(Disk);
            Assert.All(Enumerable.Range(0, Blocks), block => Assert.True(
                disk.AsSpan(block * BlockBytes, BlockBytes).IndexOfAnyExcept(work.ExpectedOf(block)) < 0, $"block {block} is not what was written last"));
        });
    }

    public void Dispose()
    {
        _server?.Dispose();
        _folder.Dispose();
    }

    private void StartServer()
    {
        File.Delete(_folder.File("s"));

        // Each request takes a moment, so that some are always in flight.
        string[] where = ["--listen", $"nbd+unix:///?socket={_folder.File("s")}"];
        _server = Child.Start(HarnessServer.Program, ["serve", "--block", $"delay:read=1ms,write=1ms/file:{Disk}", .. where]);
        string? line = _server.NextLine(Patience);
        Assert.True(line?.StartsWith("ready ", StringComparison.Ordinal) == true, $"the server is not ready: {_server.Errors}");
    }

    private void KillServer()
    {
        _server!.Signal("KILL");
        Assert.NotNull(_server.WaitForExit(Patience));
        _server.Dispose();
        _server = null;
    }

    /// <summary>Writes each block again and again, one request at a time for each, and now and then reads it back.</summary>
    private sealed class Work : INbdSessionHandler
    {
        private readonly LoopHarness _loop;
        private readonly byte[] _versions = new byte[Blocks];
        private bool _isEnding;
        private int _busy;
        private bool _isClosed;

        public Work(LoopHarness loop, SocketEndpoint endpoint, NbdSessionOptions options)
        {
            _loop = loop;
            Session = new NbdSession(loop.Loop, [endpoint], options, this);
            Session.Start();
            for (int block = 0; block < Blocks; block++)
            {
                Next(block);
            }
        }

        public NbdSession Session { get; }

        public long Ended { get; private set; }

        public int Lost { get; private set; }

        public List<int> Flushes { get; } = [];

        public byte ExpectedOf(int block) => _versions[block];

        public void OnReady(NbdSession session)
        {
        }

        public void OnLost(NbdSession session, int error, string reason) => Lost++;

        public void OnClosed(NbdSession session, int error, string reason)
        {
            Assert.Equal((0, string.Empty), (error, reason));
            _isClosed = true;
        }

        public void Finish()
        {
            _isEnding = true;
            _loop.RunUntil(() => _busy == 0, "all have ended");
            for (int i = 0; i < 2; i++)
            {
                using var flush = new ScriptedRequest(NbdCommand.Flush, 0, 0);
                Session.Submit(flush.Request);
                _loop.RunUntil(() => flush.Ends == 1, "the FLUSH is answered");
                Flushes.Add(flush.Error);
            }

            Session.Disconnect();
            _loop.RunUntil(() => _isClosed, "the session is over");
        }

        private void Next(int block)
        {
            if (_isEnding)
            {
                return;
            }

            _busy++;
            bool isWrite = (Ended + block) % 4 != 0;
            var request = new ScriptedRequest(isWrite ? NbdCommand.Write : NbdCommand.Read, (ulong)(block * BlockBytes), BlockBytes);
            if (isWrite)
            {
                _versions[block]++;
                request.Memory.Fill(_versions[block]);
            }

            request.Then = () =>
            {
                request.ExpectEnd(0);
                Assert.True(request.Memory.IndexOfAnyExcept(_versions[block]) < 0, $"block {block} reads as something else");
                request.Dispose();
                _busy--;
                Ended++;
                Next(block);
            };
            Session.Submit(request.Request);
        }
    }
}
