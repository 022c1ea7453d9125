using Harness.Io;
using Harness.Nbd;
using Harness.Serve;

namespace Harness.Tests;

/// <summary>
/// A server of ours on a thread of the test's own process, behind which a test can put any block; it can end and come back at the same place.
/// </summary>
internal sealed class UpstreamServer : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly List<string> _log = [];
    private LoopThread? _thread;
    private NbdServer? _server;
    private BlockGraph? _graph;

    public UpstreamServer(IBlock block, NbdServerOptions? options = null) => Start(block, options);

    public string Uri => $"nbd+unix:///?socket={_folder.File("s")}";

    public int Connections => _server!.Connections;

    /// <summary>Connections that came so far, to this start of it.</summary>
    public long Accepted => _server!.Loops[0].Accepted;

    /// <summary>Serves from now on.</summary>
    public void Start(IBlock block, NbdServerOptions? options = null)
    {
        _graph = new BlockGraph(block);
        _thread = LoopThread.Start("epoll", WaitMode.Block, 0);
        _server = new NbdServer([new NbdExport(string.Empty, _graph)], [_thread.Loop], options ?? new NbdServerOptions(), new ServerLog(_log.Add));
        SocketEndpoint endpoint = SocketEndpoint.Unix(_folder.File("s"));
        int fd = Sockets.Listen(endpoint);
        using var listening = new ManualResetEventSlim();
        _thread.Loop.Post(() =>
        {
            _server.Listen(fd, endpoint);
            listening.Set();
        });
        listening.Wait();
    }

    /// <summary>Ends: hangs up on everybody once the drain's deadline has passed, whatever is in flight.</summary>
    public void Stop()
    {
        if (_thread is { } thread)
        {
            _thread = null;
            if (_server!.DrainAsync().GetAwaiter().GetResult())
            {
                using var freed = new ManualResetEventSlim();
                thread.Loop.Post(() =>
                {
                    _server.Loops[0].Dispose();
                    freed.Set();
                });
                freed.Wait();
            }

            thread.Stop();
            File.Delete(_folder.File("s"));
            _graph!.Dispose();
        }
    }

    /// <summary>Runs something on the server's loop, such as the completion of a request that is held there.</summary>
    public void Do(Action action)
    {
        using var done = new ManualResetEventSlim();
        _thread!.Loop.Post(() =>
        {
            action();
            done.Set();
        });
        done.Wait();
    }

    public void Dispose()
    {
        Stop();
        _folder.Dispose();
    }
}
