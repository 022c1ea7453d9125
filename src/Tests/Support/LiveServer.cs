using Harness.Io;
using Harness.Nbd;
using Harness.Serve;

namespace Harness.Tests;

/// <summary>A server on real loops and a real socket in the test's own process, so that the test can reach into its graph.</summary>
internal sealed class LiveServer : IDisposable
{
    private readonly List<LoopThread> _loops = [];
    private readonly TempDir _folder = new();
    private readonly Listener _listener;
    private readonly BlockNodes _nodes = new();
    private readonly BlockGraph _graph;
    private bool _ended;

    /// <param name="backend">poll, epoll, uring-poll, uring or uring-epoll.</param>
    /// <param name="loops">Loops, each with a thread.</param>
    /// <param name="node">The chain of the node <c>disk</c>.</param>
    /// <param name="options">Bounds of the server.</param>
    public LiveServer(string backend, int loops, string node, NbdServerOptions? options = null)
    {
        try
        {
            for (int i = 0; i < loops; i++)
            {
                _loops.Add(LoopThread.Start(backend, WaitMode.Block, i));
            }
        }
        catch (RingUnavailableException e)
        {
            throw new SkipException(e.Message);
        }

        _nodes.Add("disk", node);
        _graph = new BlockGraph(_nodes.Parse("@disk"));
        Server = new NbdServer(
            [new NbdExport("", _graph)], [.. _loops.Select(loop => loop.Loop)], options ?? new NbdServerOptions(), new ServerLog(Log.Add), _nodes);
        Assert.True(NbdUri.TryParse(Uri, out NbdUri? uri, out _));
        _listener = Listener.Open(uri);
        using var accepting = new ManualResetEventSlim();
        _loops[0].Loop.Post(() =>
        {
            Server.Listen(_listener.Fd, _listener.Endpoint);
            accepting.Set();
        });
        accepting.Wait();
    }

    public NbdServer Server { get; }

    public string SocketPath => _folder.File("s");

    public string Uri => $"nbd+unix:///?socket={SocketPath}";

    /// <summary>Lines for the log; complete once the server has ended.</summary>
    public List<string> Log { get; } = [];

    /// <summary>Ends the service; false where the deadline passed.</summary>
    public bool End()
    {
        _ended = true;
        return Server.DrainAsync().GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        if (!_ended)
        {
            End();
        }

        _loops.ForEach(loop => loop.Stop());
        _listener.Remove();
        _graph.Dispose();
        _nodes.Dispose();
        _folder.Dispose();
    }
}
