using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// One connection to another server, made when a request wants it, and again after it broke: at once at first, then at growing intervals for as long as a
/// request waits. All members are for the loop's thread.
/// </summary>
internal sealed class UpstreamLink : IConnectHandler, INbdClientHandler, ITimerHandler
{
    private const long ShortestPauseNs = 1_000_000;
    private const long FirstPauseNs = 20_000_000;
    private const long LongestPauseNs = 1_000_000_000;

    // Of the time that a request waits, so that some attempts fall into it.
    private const long PausesInTimeout = 4;

    // A connection that was of use for so long is made again at once; a server that hangs up on every request is not asked in a loop.
    private const long UsefulNs = 1_000_000_000;

    private readonly Upstream _upstream;
    private readonly LoopTimer _retry;
    private readonly Queue<UpstreamJob> _broken = new();
    private NbdClient? _client;
    private State _state;
    private long _pauseNs;
    private long _notBeforeNs;
    private long _awaySinceNs = -1;
    private long _readySinceNs;
    private bool _wasReady;
    private bool _toldAway;

    public UpstreamLink(Upstream upstream)
    {
        _upstream = upstream;
        _retry = new LoopTimer(this);
    }

    private enum State
    {
        /// <summary>There is none, and nobody has asked for one since the last attempt.</summary>
        Away,

        /// <summary>The next attempt has to wait.</summary>
        Pausing,

        /// <summary>On the way to the transmission phase.</summary>
        Connecting,

        /// <summary>Requests may be submitted, unless it has just broken.</summary>
        Ready,
    }

    /// <summary>True where a request may be submitted.</summary>
    public bool IsReady => _state == State.Ready && _client!.IsReady;

    /// <summary>True where something of it is still going on in the loop.</summary>
    public bool IsOpen => _state is State.Connecting or State.Ready;

    public NbdClient Client => _client!;

    private EventLoop Loop => _upstream.Home.Loop;

    private NbdStore Store => _upstream.Store;

    private long NextPauseNs
    {
        get
        {
            long longestNs = Math.Clamp(Store.TimeoutNs / PausesInTimeout, ShortestPauseNs, LongestPauseNs);
            return Math.Min(Math.Max(_pauseNs * 2, FirstPauseNs), longestNs);
        }
    }

    /// <summary>A request needs the connection.</summary>
    public void Want()
    {
        if (_state != State.Away)
        {
            return;
        }

        if (Loop.NowNs >= _notBeforeNs)
        {
            Connect();
        }
        else
        {
            _state = State.Pausing;
            Loop.StartTimer(_retry, _notBeforeNs);
        }
    }

    /// <summary>The connection broke under a request, which ends when it is known why.</summary>
    public void Broke(UpstreamJob job) => _broken.Enqueue(job);

    /// <summary>No more requests will come.</summary>
    public void Leave()
    {
        Loop.StopTimer(_retry);
        _state = _state == State.Pausing ? State.Away : _state;
        _client?.Disconnect();
    }

    /// <summary>The server did not let us go in time.</summary>
    public void Cut() => _client?.Drop(Errno.ETIMEDOUT, "the server did not hang up");

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer)
    {
        _state = State.Away;
        if (_upstream.IsAwaited)
        {
            Connect();
        }
    }

    void IConnectHandler.OnConnected(ITransport transport)
    {
        _client = new NbdClient(transport, Store.ClientOptions, this);
        _client.Start();
    }

    void IConnectHandler.OnConnectFailed(int error, string reason) => Failed(reason);

    void INbdClientHandler.OnReady(NbdClient client)
    {
        if (Store.Unlike(client.Export) is { } difference)
        {
            client.Drop(Errno.EPROTO, $"{client.Peer}: {difference}; it is not used");
            return;
        }

        _state = State.Ready;
        _wasReady = true;
        _toldAway = false;
        _readySinceNs = Loop.NowNs;
        if (_awaySinceNs >= 0)
        {
            _upstream.Home.Log($"{Store.ServerText} is connected to again, after {TimeLength.Format(Loop.NowNs - _awaySinceNs)}");
            _awaySinceNs = -1;
        }

        _upstream.Connected(this);
    }

    void INbdClientHandler.OnClosed(NbdClient client, int error, string reason)
    {
        _client = null;
        client.Dispose();
        if (_wasReady && error != 0)
        {
            Lost(reason);
        }
        else
        {
            Failed(reason);
        }
    }

    private void Connect()
    {
        _state = State.Connecting;
        _wasReady = false;
        try
        {
            new ClientConnector(Loop, Store.Endpoints, Store.ClientOptions.ConnectTimeoutNs, this).Start();
        }
        catch (IoException e)
        {
            Failed(e.Message);
        }
    }

    /// <summary>A connection that was in use broke.</summary>
    private void Lost(string reason)
    {
        _wasReady = false;
        _awaySinceNs = Loop.NowNs;
        string requests = _broken.Count == 0 ? string.Empty : $", and {_broken.Count} request{(_broken.Count == 1 ? string.Empty : "s")} in flight failed with EIO";
        string changes = Store.LoseChanges() ? "; writes that were not flushed may be lost, which the next FLUSH will say" : string.Empty;
        _upstream.Home.Log($"{Store.ServerText} is lost{requests}{changes}: {reason}");

        // At once: a server that was started anew may be there already.
        PauseThenRetry(Loop.NowNs - _readySinceNs >= UsefulNs ? 0 : NextPauseNs);
        for (int left = _broken.Count; left > 0; left--)
        {
            _broken.Dequeue().End(Errno.EIO);
        }
    }

    /// <summary>An attempt came to nothing, or the connection ended as it was asked to.</summary>
    private void Failed(string reason)
    {
        if (!_toldAway && reason.Length > 0)
        {
            _toldAway = true;

            // Once for a time of absence, however many attempts it takes.
            _upstream.Home.Log($"{Store.ServerText} cannot be connected to, and requests wait for it up to {TimeLength.Format(Store.TimeoutNs)}: {reason}");
            _awaySinceNs = _awaySinceNs < 0 ? Loop.NowNs : _awaySinceNs;
        }

        PauseThenRetry(NextPauseNs);
    }

    private void PauseThenRetry(long pauseNs)
    {
        _pauseNs = pauseNs;
        _notBeforeNs = Loop.NowNs + pauseNs;
        _state = State.Away;
        if (_upstream.IsAwaited)
        {
            Want();
        }
    }
}
