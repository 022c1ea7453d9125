using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>One listening socket, on the server's first loop.</summary>
internal sealed class ServerListener : IIoHandler, ITimerHandler
{
    // With no descriptor left, trying again at once would only burn the CPU that the connections need to end.
    private const long RetryNs = 100_000_000;

    private readonly NbdServer _server;
    private readonly EventLoop _loop;
    private readonly SocketEndpoint _endpoint;
    private readonly IoOperation _accept;
    private readonly IoOperation _close;
    private readonly LoopTimer _retry;
    private readonly int _fd;
    private long _accepted;
    private bool _stopped;

    public ServerListener(NbdServer server, EventLoop loop, int fd, SocketEndpoint endpoint)
    {
        _server = server;
        _loop = loop;
        _fd = fd;
        _endpoint = endpoint;
        _accept = new IoOperation(this);
        _close = new IoOperation(this);
        _retry = new LoopTimer(this);
    }

    public void Start() => _loop.Accept(_accept, _fd);

    public void Stop()
    {
        if (!_stopped)
        {
            _stopped = true;
            _loop.StopTimer(_retry);
            _loop.Close(_close, _fd);
        }
    }

    /// <inheritdoc/>
    public void OnCompleted(IoOperation operation, int result)
    {
        if (operation == _close)
        {
            return;
        }

        if (result >= 0)
        {
            _server.OnAccepted(result, _endpoint, ++_accepted);
        }

        if (_stopped)
        {
            return;
        }

        if (result is -Errno.EMFILE or -Errno.ENFILE or -Errno.ENOMEM or -Errno.ENOBUFS)
        {
            _server.Log.Line($"cannot accept on {_endpoint}: {ErrnoText.Of(result)}; raise the limit with 'ulimit -n', or lower --max-connections");
            _loop.StartTimer(_retry, _loop.NowNs + RetryNs);
            return;
        }

        // A client that left before it was accepted (ECONNABORTED) is no concern of the next one.
        _loop.Accept(_accept, _fd);
    }

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer) => _loop.Accept(_accept, _fd);
}
