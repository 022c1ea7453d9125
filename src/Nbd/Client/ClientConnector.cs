using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// Connects a socket on a loop and starts an <see cref="NbdClient"/> on it. Addresses are tried in order; a Unix socket whose backlog is full is tried again after a
/// moment, until the connect timeout. All members are for the loop's thread.
/// </summary>
public sealed class ClientConnector : IIoHandler, ITimerHandler
{
    // A server that accepts a batch per turn makes room within a turn or two.
    private const long RetryNs = 1_000_000;

    private readonly EventLoop _loop;
    private readonly IReadOnlyList<SocketEndpoint> _endpoints;
    private readonly NbdClientOptions _options;
    private readonly INbdClientHandler _handler;
    private readonly Action<int, string> _onFailed;
    private readonly IoOperation _connect;
    private readonly IoOperation _close;
    private readonly LoopTimer _retry;
    private long _deadlineNs = long.MaxValue;
    private int _index;
    private int _fd = -1;
    private int _errno;

    /// <summary>A connector; nothing happens before <see cref="Start"/>.</summary>
    /// <param name="loop">Where the connection will live.</param>
    /// <param name="endpoints">From <see cref="EndpointResolver"/>; they must live until the client is ready or has failed.</param>
    /// <param name="options">For the client, with the time that connecting may take.</param>
    /// <param name="handler">The client's handler: it hears of the client when the handshake is over.</param>
    /// <param name="onFailed">Called with a positive errno and one line where no connection could be made; then there is no client.</param>
    public ClientConnector(EventLoop loop, IReadOnlyList<SocketEndpoint> endpoints, NbdClientOptions options, INbdClientHandler handler, Action<int, string> onFailed)
    {
        ArgumentOutOfRangeException.ThrowIfZero(endpoints.Count);
        _loop = loop;
        _endpoints = endpoints;
        _options = options;
        _handler = handler;
        _onFailed = onFailed;
        _connect = new IoOperation(this);
        _close = new IoOperation(this);
        _retry = new LoopTimer(this);
    }

    /// <summary>Begins; either the client's handler or <c>onFailed</c> hears of the end, once.</summary>
    /// <exception cref="IoException">No descriptor is left.</exception>
    public void Start()
    {
        if (_options.ConnectTimeoutNs > 0)
        {
            _deadlineNs = _loop.NowNs + _options.ConnectTimeoutNs;
        }

        TryNow();
    }

    void ITimerHandler.OnTimer(LoopTimer timer) => TryNow();

    void IIoHandler.OnCompleted(IoOperation operation, int result)
    {
        if (operation == _close)
        {
            TryNextOrFail();
        }
        else if (result == 0)
        {
            var client = new NbdClient(new PlainTransport(_loop, _fd, PeerName(Current)), _options, _handler);
            client.Start();
        }
        else
        {
            // A socket whose connect failed is not used again: POSIX leaves its state open.
            _errno = result == -Errno.ETIME ? Errno.ETIMEDOUT : -result;
            _loop.Close(_close, _fd);
        }
    }

    private SocketEndpoint Current => _endpoints[_index];

    private static string PeerName(SocketEndpoint endpoint) => endpoint.IsUnix ? $"unix:{endpoint}" : endpoint.ToString();

    private void TryNow()
    {
        _fd = Sockets.Create(Current);
        _connect.TimeoutNs = _deadlineNs == long.MaxValue ? 0 : Math.Max(1, _deadlineNs - _loop.NowNs);
        _loop.Connect(_connect, _fd, Current);
    }

    private void TryNextOrFail()
    {
        if (_errno == Errno.EAGAIN && _loop.NowNs + RetryNs < _deadlineNs)
        {
            _loop.StartTimer(_retry, _loop.NowNs + RetryNs);
        }
        else if (_errno is not (Errno.EAGAIN or Errno.ETIMEDOUT) && _index + 1 < _endpoints.Count)
        {
            _index++;
            TryNow();
        }
        else
        {
            _onFailed(_errno, $"{PeerName(Current)}: {Explain()}");
        }
    }

    private string Explain() => _errno switch
    {
        Errno.ECONNREFUSED => "nobody listens here; start the server, or check the address",
        Errno.ENOENT => "there is no such socket; start the server, or check the path",
        Errno.EACCES => "permission denied; check the permissions of the socket",
        Errno.EAGAIN => $"the server does not accept connections: its backlog was full for {_options.ConnectTimeoutNs / 1e9:0.###} s",
        Errno.ETIMEDOUT => $"no connection within {_options.ConnectTimeoutNs / 1e9:0.###} s; check the address and the network",
        _ => $"cannot connect: {ErrnoText.Of(_errno)}",
    };
}
