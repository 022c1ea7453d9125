using Harness.Io;
using Harness.Load;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A client of a live server whose write side is on a second thread; the test's thread is the receiving one.</summary>
internal sealed class ThreadedClient : INbdClientHandler, IConnectHandler, IDisposable
{
    private readonly LoopHarness _loop;
    private readonly IReadOnlyList<SocketEndpoint> _endpoints;
    private readonly NbdClientOptions _options;
    private readonly Func<ITransport, ITransport> _wrap;

    /// <param name="backend">Of both loops.</param>
    /// <param name="uri">The server.</param>
    /// <param name="options">Of the client.</param>
    /// <param name="wrap">What goes round each of its two transports; null for nothing.</param>
    public ThreadedClient(string backend, string uri, NbdClientOptions options, Func<ITransport, ITransport>? wrap = null)
    {
        Sender = new SenderThread(backend, "block");
        _loop = new LoopHarness(backend);
        _options = options;
        _wrap = wrap ?? (transport => transport);
        Assert.True(NbdUri.TryParse(uri, out NbdUri? parsed, out string error), error);
        _endpoints = EndpointResolver.Resolve(parsed);
        new ClientConnector(_loop.Loop, _endpoints, 0, this).Start();
        RunUntil(() => IsReady, "the client is ready");
    }

    public SenderThread Sender { get; }
    public NbdClient Client { get; private set; } = null!;
    public EventLoop Loop => _loop.Loop;
    public bool IsReady { get; private set; }
    public int Closed { get; private set; }
    public int Error { get; private set; }
    public string Reason { get; private set; } = string.Empty;

    public void OnConnected(ITransport transport)
    {
        Client = new NbdClient(_wrap(transport), _wrap(((PlainTransport)transport).Duplicate(Sender.Loop)), _options, this);
        Client.Start();
    }

    public void OnConnectFailed(int error, string reason) => Assert.Fail(reason);

    public void OnReady(NbdClient client) => IsReady = true;

    public void OnClosed(NbdClient client, int error, string reason)
    {
        Closed++;
        (Error, Reason) = (error, reason);
    }

    public void RunUntil(Func<bool> condition, string what) => _loop.RunUntil(condition, what);

    public void Dispose()
    {
        Client.Disconnect();
        RunUntil(() => Closed == 1, "the connection is over");
        Client.Dispose();
        Sender.Dispose();
        _loop.Dispose();
        foreach (SocketEndpoint endpoint in _endpoints)
        {
            endpoint.Dispose();
        }
    }
}
