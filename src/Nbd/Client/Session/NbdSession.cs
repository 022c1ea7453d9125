using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// An export as one thing to submit requests to, on one loop: through several connections where the server allows it, each request by the one with the fewest
/// outstanding; and through the server's restarts, since connections that break are made again and requests that were on them are sent again where that
/// is safe.
/// </summary>
/// <remarks>
/// <para>What happens to a request whose connection broke before its answer, or whose server answered ESHUTDOWN:</para>
/// <list type="bullet">
/// <item>READ, BLOCK_STATUS and CACHE change nothing, and are sent again.</item>
/// <item>WRITE, TRIM and WRITE_ZEROES may have been done or not, and to do them twice leaves the same bytes: they are sent again, with their FUA if they had
/// one, unless <see cref="NbdSessionOptions.ReissueChanges"/> says that this is not safe here. The NBD text orders no two requests that are in flight
/// together, so a caller keeps requests apart that touch the same bytes; then no answered write is overtaken by one that is sent again.</item>
/// <item>FLUSH is sent again where every change that was answered had been covered by an earlier FLUSH or had FUA. Otherwise it fails with EIO: a server that
/// went away may have lost what it had only answered, and no FLUSH to another can bring it back. The next FLUSH fails like this, once, if none was in flight.
/// Any broken connection counts, because a client cannot tell it from a server that was started anew.</item>
/// <item>Everything else, and what was sent again <see cref="NbdSessionOptions.MaxReissues"/> times, ends with what ended the connection.</item>
/// </list>
/// <para>A request that is submitted while there is no connection waits for one. Connecting is tried at once after a connection that was of use, then after
/// pauses that double; after <see cref="NbdSessionOptions.AwayTimeoutNs"/> without any connection the session ends, and what waits ends with the last attempt's
/// error. A server that comes back with another size or fewer abilities ends it too.</para>
/// <para>All members are for the loop's thread, except <see cref="SubmitFromAnyThread"/> and <see cref="Reissued"/>. No thread is made.</para>
/// </remarks>
public sealed partial class NbdSession : ITimerHandler, ITurnEndHandler
{
    private const int MaxConnections = 64;

    private readonly INbdSessionHandler _handler;
    private readonly Func<IConnectHandler, ClientConnector?> _connect;
    private readonly SessionLink[] _links;
    private readonly LoopTimer _away;
    private readonly Stack<SessionJob> _spare = new();
    private JobQueue _waiting;
    private JobQueue _ended;
    private Phase _phase;
    private ExportInfo? _export;
    private int _next;
    private int _used = 1;
    private int _lostLinks;
    private int _endErrno;
    private string _endReason = string.Empty;
    private long _reissued;

    /// <summary>A session; nothing happens before <see cref="Start"/>.</summary>
    /// <param name="loop">Where its connections live.</param>
    /// <param name="endpoints">From <see cref="EndpointResolver"/>; they must live until <see cref="INbdSessionHandler.OnClosed"/>.</param>
    /// <param name="options">How it behaves.</param>
    /// <param name="handler">Told what becomes of it.</param>
    public NbdSession(EventLoop loop, IReadOnlyList<SocketEndpoint> endpoints, NbdSessionOptions options, INbdSessionHandler handler)
        : this(loop, options, handler, Connector(loop, endpoints, options))
    {
    }

    /// <summary>With connections made in another way, for tests; what it returns is given up where the session ends.</summary>
    internal NbdSession(EventLoop loop, NbdSessionOptions options, INbdSessionHandler handler, Func<IConnectHandler, ClientConnector?> connect)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Connections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Connections, MaxConnections);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.FirstPauseNs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.LongestPauseNs, options.FirstPauseNs);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxReissues);
        Loop = loop;
        Options = options;
        _handler = handler;
        _connect = connect;
        _links = [.. Enumerable.Range(0, options.Connections).Select(_ => new SessionLink(this))];
        _away = new LoopTimer(this);
        _inbox = new RequestInbox(loop, TakePosted);
    }

    private enum Phase : byte
    {
        Created,
        Running,
        Draining,
        Dropping,
        Closed,
    }

    /// <summary>The loop that it lives on.</summary>
    public EventLoop Loop { get; }

    /// <summary>Size, flags and block sizes of the export.</summary>
    /// <exception cref="InvalidOperationException">No connection has been ready yet.</exception>
    public ExportInfo Export => _export ?? throw new InvalidOperationException("the export is known from OnReady on");

    /// <summary>The largest READ or WRITE, in bytes; 0 before the first connection is ready.</summary>
    public uint MaxPayloadBytes { get; private set; }

    /// <summary>True where BLOCK_STATUS can be submitted: the server has selected a metadata context.</summary>
    public bool HasMetaContexts { get; private set; }

    /// <summary>Which headers its connections use, by the last that became ready.</summary>
    public ReplyForm Replies { get; private set; }

    /// <summary>Connections that are ready now.</summary>
    public int ReadyConnections => _links.Count(link => link.IsReady);

    /// <summary>Requests that were submitted and have not ended.</summary>
    public int Outstanding { get; private set; }

    /// <summary>How often requests were sent again so far. Any thread may ask.</summary>
    public long Reissued => Volatile.Read(ref _reissued);

    internal NbdSessionOptions Options { get; }

    internal Durability Durability { get; } = new();

    internal bool IsEnding => _phase > Phase.Running;

    /// <summary>Begins to connect; the handler hears of the rest.</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        using CallScope scope = CallWatch.Enter(Options.Watch, "NbdSession.Start");
        if (_phase != Phase.Created)
        {
            throw new InvalidOperationException("the session was started before");
        }

        _phase = Phase.Running;
        Await();
        _links[0].Connect();
    }

    /// <summary>
    /// Ends the session in order: what is in flight is finished, DISC is sent, everything is closed. Nothing is connected to any more: what waits for a
    /// connection ends with ESHUTDOWN, as do requests that are submitted from now on.
    /// </summary>
    public void Disconnect()
    {
        using CallScope scope = CallWatch.Enter(Options.Watch, "NbdSession.Disconnect");
        if (_phase == Phase.Running)
        {
            BeginEnd(Phase.Draining, 0, string.Empty);
            foreach (SessionLink link in _links)
            {
                link.Leave();
            }

            LinkEnded();
        }
    }

    /// <summary>Ends the session now: what is in flight or waits ends with the errno.</summary>
    /// <param name="errno">Positive.</param>
    /// <param name="reason">Why, for <see cref="INbdSessionHandler.OnClosed"/>.</param>
    public void Drop(int errno, string reason)
    {
        using CallScope scope = CallWatch.Enter(Options.Watch, "NbdSession.Drop");
        if (_phase is Phase.Running or Phase.Draining)
        {
            BeginEnd(Phase.Dropping, errno, reason);
            foreach (SessionLink link in _links)
            {
                link.Drop(errno, reason);
            }

            LinkEnded();
        }
    }

    /// <summary>The time without a connection is up.</summary>
    void ITimerHandler.OnTimer(LoopTimer timer)
    {
        string last = _endReason.Length == 0 ? "the server does not answer" : _endReason;
        Drop(_endErrno == 0 ? Errno.ETIMEDOUT : _endErrno, $"no connection for {Options.AwayTimeoutNs / 1e9:0.###} s: {last}");
    }

    internal ClientConnector? Connect(SessionLink link) => _connect(link);

    /// <summary>What keeps the server of a new connection from taking the place of the one before; null where it is the same.</summary>
    internal string? WhyNot(NbdClient client)
    {
        if (_export is null)
        {
            return null;
        }

        ExportInfo export = client.Export;
        if (export.Size != _export.Size)
        {
            return $"the export has {export.Size} bytes now, and had {_export.Size}";
        }

        TransmissionFlags lost = _export.Flags & ~export.Flags & ~(TransmissionFlags.ReadOnly | TransmissionFlags.Rotational);
        if (lost != 0 || (export.Flags & ~_export.Flags & TransmissionFlags.ReadOnly) != 0)
        {
            return $"the export can do less than it could: its flags are 0x{(ushort)export.Flags:x4} now, and were 0x{(ushort)_export.Flags:x4}";
        }

        return client.MaxPayloadBytes < MaxPayloadBytes || export.BlockSize.Minimum > _export.BlockSize.Minimum
            ? $"its block sizes are {export.BlockSize.Minimum} to {client.MaxPayloadBytes} now, and were {_export.BlockSize.Minimum} to {MaxPayloadBytes}"
            : null;
    }

    internal void Connected(SessionLink link)
    {
        Loop.StopTimer(_away);
        (_endErrno, _endReason) = (0, string.Empty);
        Replies = link.Client.Replies;
        HasMetaContexts = link.Client.MetaContexts.Count > 0;
        bool isFirst = _export is null;
        if (isFirst)
        {
            _export = link.Client.Export;
            MaxPayloadBytes = link.Client.MaxPayloadBytes;
            AddConnections();
            _handler.OnReady(this);
        }
        else if (_lostLinks > 0)
        {
            _lostLinks--;
            _handler.OnRestored(this);
        }

        SendWaiting();
    }

    internal void Lost(int error, string reason)
    {
        _lostLinks++;
        AttemptFailed(error, reason);
        _handler.OnLost(this, error, reason);
    }

    internal void AttemptFailed(int error, string reason)
    {
        (_endErrno, _endReason) = (error, reason);
        if (!_away.IsRunning && ReadyConnections == 0)
        {
            Await();
        }
    }

    /// <summary>Something of the end is done; perhaps all of it.</summary>
    internal void LinkEnded()
    {
        // Whoever waits to be told of an end is told before the session's.
        if (_endedCount == 0)
        {
            Close();
        }
    }

    private static Func<IConnectHandler, ClientConnector?> Connector(EventLoop loop, IReadOnlyList<SocketEndpoint> endpoints, NbdSessionOptions options) =>
        handler =>
        {
            var connector = new ClientConnector(loop, endpoints, options.Client.ConnectTimeoutNs, handler);
            connector.Start();
            return connector;
        };

    private void Await()
    {
        if (Options.AwayTimeoutNs > 0)
        {
            Loop.StartTimerAfter(_away, Options.AwayTimeoutNs);
        }
    }

    private void AddConnections()
    {
        if ((_export!.Flags & TransmissionFlags.CanMultiConn) == 0)
        {
            return;
        }

        _used = _links.Length;
        foreach (SessionLink link in _links.Skip(1))
        {
            link.Connect();
        }
    }

    private void Close()
    {
        // A handler that submits again whatever it is told does not hold the end.
        if (_phase is Phase.Draining or Phase.Dropping && !Array.Exists(_links, link => link.IsBusy) && Outstanding == _endedCount)
        {
            _phase = Phase.Closed;
            _handler.OnClosed(this, _endErrno, _endReason);
        }
    }

    private void BeginEnd(Phase phase, int errno, string reason)
    {
        _phase = phase;
        (_endErrno, _endReason) = (errno, reason);
        Loop.StopTimer(_away);
        while (_waiting.TryDequeue(out SessionJob job))
        {
            EndLater(job, errno == 0 ? Errno.ESHUTDOWN : errno, reason.Length == 0 ? null : reason);
        }
    }
}
