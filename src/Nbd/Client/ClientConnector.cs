using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>Told how connecting ended: one of the two, once, on the loop's thread; must not throw.</summary>
public interface IConnectHandler
{
    /// <summary>There is a stream to the server; the handler owns it now.</summary>
    void OnConnected(ITransport transport);

    /// <summary>No address could be reached.</summary>
    /// <param name="error">A positive errno.</param>
    /// <param name="reason">One line for people that names the address, what happened, and where it helps what to do.</param>
    void OnConnectFailed(int error, string reason);
}

/// <summary>
/// Connects a socket on a loop, for an <see cref="NbdClient"/> or an <see cref="ExportLister"/> to speak over. Addresses are tried in order; a Unix
/// socket whose backlog is full is tried again after a moment, until the connect timeout. All members are for the loop's thread.
/// </summary>
public sealed class ClientConnector : IIoHandler, ITimerHandler
{
    // A server that accepts a batch per turn makes room within a turn or two.
    private const long RetryNs = 1_000_000;

    private readonly EventLoop _loop;
    private readonly IReadOnlyList<SocketEndpoint> _endpoints;
    private readonly long _timeoutNs;
    private readonly IConnectHandler _handler;
    private readonly IoOperation _connect;
    private readonly IoOperation _close;
    private readonly LoopTimer _retry;
    private long _deadlineNs = long.MaxValue;
    private int _index;
    private int _fd = -1;
    private int _errno;
    private bool _givesUp;

    /// <summary>A connector; nothing happens before <see cref="Start"/>.</summary>
    /// <param name="loop">Where the connection will live.</param>
    /// <param name="endpoints">From <see cref="EndpointResolver"/>; they must live until the handler is told.</param>
    /// <param name="timeoutNs">Nanoseconds for all attempts together, such as <see cref="NbdClientOptions.ConnectTimeoutNs"/>; 0 is for ever.</param>
    /// <param name="handler">Told of the end.</param>
    public ClientConnector(EventLoop loop, IReadOnlyList<SocketEndpoint> endpoints, long timeoutNs, IConnectHandler handler)
    {
        ArgumentOutOfRangeException.ThrowIfZero(endpoints.Count);
        _loop = loop;
        _endpoints = endpoints;
        _timeoutNs = timeoutNs;
        _handler = handler;
        _connect = new IoOperation(this);
        _close = new IoOperation(this);
        _retry = new LoopTimer(this);
    }

    /// <summary>Begins; the handler hears of the end.</summary>
    /// <exception cref="IoException">No descriptor is left.</exception>
    public void Start()
    {
        if (_timeoutNs > 0)
        {
            _deadlineNs = _loop.NowNs + _timeoutNs;
        }

        TryNow();
    }

    /// <summary>Gives up: the handler soon hears of a failure with ECANCELED, unless it has heard of the end already.</summary>
    public void GiveUp()
    {
        _givesUp = true;
        _errno = Errno.ECANCELED;
        if (_retry.IsRunning)
        {
            _loop.StartTimer(_retry, _loop.NowNs);
        }
        else
        {
            _loop.Cancel(_connect);
        }
    }

    void ITimerHandler.OnTimer(LoopTimer timer)
    {
        if (_givesUp)
        {
            TryNextOrFail();
        }
        else
        {
            TryAgain();
        }
    }

    void IIoHandler.OnCompleted(IoOperation operation, int result)
    {
        if (operation == _close)
        {
            TryNextOrFail();
        }
        else if (result == 0 && !_givesUp)
        {
            _handler.OnConnected(new PlainTransport(_loop, _fd, PeerName(Current)));
        }
        else
        {
            // A socket whose connect failed is not used again: POSIX leaves its state open.
            _errno = _givesUp ? Errno.ECANCELED : result == -Errno.ETIME ? DeadlineErrno : -result;
            _loop.Close(_close, _fd);
        }
    }

    private SocketEndpoint Current => _endpoints[_index];

    // A connect to a Unix socket waits for nothing but room in the backlog; on uring it does so inside the kernel, until its deadline.
    private int DeadlineErrno => Current.IsUnix ? Errno.EAGAIN : Errno.ETIMEDOUT;

    private static string PeerName(SocketEndpoint endpoint) => endpoint.IsUnix ? $"unix:{endpoint}" : endpoint.ToString();

    private void TryNow()
    {
        _fd = Sockets.Create(Current);
        _connect.TimeoutNs = _deadlineNs == long.MaxValue ? 0 : Math.Max(1, _deadlineNs - _loop.NowNs);
        _loop.Connect(_connect, _fd, Current);
    }

    private void TryAgain()
    {
        try
        {
            TryNow();
        }
        catch (IoException e)
        {
            _handler.OnConnectFailed(e.Errno, $"{PeerName(Current)}: {e.Message}");
        }
    }

    private void TryNextOrFail()
    {
        if (_givesUp)
        {
            _handler.OnConnectFailed(Errno.ECANCELED, $"{PeerName(Current)}: connecting was given up");
        }
        else if (_errno == Errno.EAGAIN && _loop.NowNs + RetryNs < _deadlineNs)
        {
            _loop.StartTimer(_retry, _loop.NowNs + RetryNs);
        }
        else if (_errno is not (Errno.EAGAIN or Errno.ETIMEDOUT) && _index + 1 < _endpoints.Count)
        {
            _index++;
            TryAgain();
        }
        else
        {
            _handler.OnConnectFailed(_errno, $"{PeerName(Current)}: {Explain()}");
        }
    }

    private string Explain() => _errno switch
    {
        Errno.ECONNREFUSED => "nobody listens here; start the server, or check the address",
        Errno.ENOENT => "there is no such socket; start the server, or check the path",
        Errno.EACCES => "permission denied; check the permissions of the socket",
        Errno.EAGAIN => $"the server does not accept connections: its backlog was full for {_timeoutNs / 1e9:0.###} s",
        Errno.ETIMEDOUT => $"no connection within {_timeoutNs / 1e9:0.###} s; check the address and the network",
        _ => StreamEnd.Text("cannot connect", _errno),
    };
}
