using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>One connection of a session, made again whenever it breaks. All members are for the loop's thread.</summary>
internal sealed class SessionLink : IConnectHandler, INbdClientHandler, ITimerHandler
{
    // A connection that held for so long is made again at once; a server that hangs up on everybody is not asked in a loop.
    private const long UsefulNs = 1_000_000_000;

    private readonly NbdSession _session;
    private readonly LoopTimer _pause;
    private ClientConnector? _connector;
    private NbdClient? _client;
    private State _state;
    private long _pauseNs;
    private long _readySinceNs;
    private bool _wasReady;
    private bool _isLossNoted;
    private int _lastError;
    private string _lastReason = string.Empty;

    public SessionLink(NbdSession session)
    {
        _session = session;
        _pause = new LoopTimer(this);
    }

    private enum State : byte
    {
        /// <summary>There is none, and nothing is on the way.</summary>
        Idle,

        /// <summary>The next attempt has to wait.</summary>
        Pausing,

        /// <summary>A socket is being connected.</summary>
        Connecting,

        /// <summary>There is a client; it negotiates, is ready, or is closing.</summary>
        Open,
    }

    /// <summary>True where a request may be submitted.</summary>
    public bool IsReady => _state == State.Open && _client!.IsReady;

    /// <summary>True where something of it still goes on.</summary>
    public bool IsBusy => _state != State.Idle;

    public NbdClient Client => _client!;

    /// <summary>Requests that were submitted and have not ended.</summary>
    public int Outstanding { get; set; }

    private EventLoop Loop => _session.Loop;

    private NbdSessionOptions Options => _session.Options;

    public void Connect()
    {
        _state = State.Connecting;
        try
        {
            _connector = _session.Connect(this);
        }
        catch (IoException e)
        {
            Failed(e.Errno, e.Message);
        }
    }

    /// <summary>Finishes what is in flight, then ends.</summary>
    public void Leave()
    {
        switch (_state)
        {
            case State.Pausing:
                Loop.StopTimer(_pause);
                _state = State.Idle;
                break;
            case State.Connecting:
                _connector?.GiveUp();
                break;
            case State.Open:
                _client!.Disconnect();
                break;
        }
    }

    /// <summary>Ends now.</summary>
    public void Drop(int errno, string reason)
    {
        if (_state == State.Open)
        {
            _client!.Drop(errno, reason);
        }
        else
        {
            Leave();
        }
    }

    /// <summary>The connection broke under a request, or the server said that it leaves.</summary>
    public void Interrupted(SessionJob job, int error)
    {
        NoteLoss();
        if (!_client!.IsOver)
        {
            // Who hears ESHUTDOWN must go; the protocol's text leaves nothing else.
            _client.Disconnect();
        }

        _session.Interrupted(job, error);
    }

    void ITimerHandler.OnTimer(LoopTimer timer) => Connect();

    void IConnectHandler.OnConnected(ITransport transport)
    {
        _connector = null;
        _state = State.Open;
        _wasReady = false;
        _isLossNoted = false;
        _client = new NbdClient(transport, Options.Client, this);
        _client.Start();
    }

    void IConnectHandler.OnConnectFailed(int error, string reason) => Failed(error, reason);

    void INbdClientHandler.OnReady(NbdClient client)
    {
        if (_session.WhyNot(client) is { } difference)
        {
            _session.Drop(Errno.EPROTO, $"{client.Peer}: {difference}");
            return;
        }

        _wasReady = true;
        _readySinceNs = Loop.NowNs;
        _session.Connected(this);
    }

    void INbdClientHandler.OnClosed(NbdClient client, int error, string reason)
    {
        _client = null;
        client.Dispose();
        if (!_wasReady || _session.IsEnding)
        {
            Failed(error, reason);
            return;
        }

        NoteLoss();
        _state = State.Idle;
        bool wasUseful = Loop.NowNs - _readySinceNs >= UsefulNs;
        (_lastError, _lastReason) = (error == 0 ? Errno.ESHUTDOWN : error, reason.Length == 0 ? $"{client.Peer}: the server is shutting down" : reason);
        _session.Lost(_lastError, _lastReason);
        if (!_session.IsEnding)
        {
            // What came before it says nothing of a server that was of use.
            _pauseNs = wasUseful ? 0 : _pauseNs;
            Retry(atOnce: wasUseful || _pauseNs == 0);
        }
    }

    /// <summary>An attempt came to nothing, or the session ends.</summary>
    private void Failed(int error, string reason)
    {
        _connector = null;
        _state = State.Idle;
        if (_session.IsEnding)
        {
            _session.LinkEnded();
        }
        else
        {
            _session.AttemptFailed(error == 0 ? Errno.ESHUTDOWN : error, reason);
            if (!_session.IsEnding)
            {
                Retry(atOnce: false);
            }
        }
    }

    private void Retry(bool atOnce)
    {
        long pauseNs = atOnce ? 0 : _pauseNs;
        _pauseNs = Math.Clamp(_pauseNs * 2, Options.FirstPauseNs, Options.LongestPauseNs);
        _state = State.Pausing;
        Loop.StartTimerAfter(_pause, atOnce ? 0 : Math.Max(pauseNs, Options.FirstPauseNs));
    }

    private void NoteLoss()
    {
        if (!_isLossNoted)
        {
            _isLossNoted = true;
            _session.Durability.ConnectionLost();
        }
    }
}
