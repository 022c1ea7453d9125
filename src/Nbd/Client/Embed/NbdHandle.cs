using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// One connection to an NBD server for a program with a loop of its own, be it poll(2), epoll(7) or anything else. The program waits for <see cref="Fd"/> in
/// the <see cref="Direction"/> that the handle says, and calls <see cref="NotifyRead"/> or <see cref="NotifyWrite"/>; all of connecting, negotiating, sending
/// and receiving happens in these calls. None of them blocks, and the handle has no thread.
/// </summary>
/// <remarks>
/// <para>Around each wait: <see cref="Fd"/> and <see cref="Direction"/> change with every call and are asked for anew; <see cref="WakeFd"/> is waited for as
/// well, and where it becomes readable, or <see cref="TimeoutMs"/> has passed, <see cref="NotifyWake"/> is called. An error or a hang-up on the descriptor
/// (POLLERR, POLLHUP) counts as ready for what was waited for.</para>
/// <para>The handle belongs to the thread that made it. Other threads may call <see cref="Issue"/> and <see cref="SendWhole"/>: that makes
/// <see cref="WakeFd"/> readable, which ends the sleep of the handle's thread; it then finds the direction changed where a request could not be sent at once.
/// The two sides are those of <see cref="NbdClient"/>: replies are received while a request is half sent, and the other way round.</para>
/// <para>Handlers of requests are called on the handle's thread from within its calls, and never from within the <see cref="Issue"/> of the same
/// request.</para>
/// </remarks>
public sealed partial class NbdHandle : IConnectHandler, INbdClientHandler, IDisposable
{
    private readonly NbdClientOptions _options;
    private readonly INbdHandleHandler _handler;
    private readonly CallWatch? _watch;
    private readonly Func<ITransport, ITransport>? _wrap;
    private readonly GuestLoop _guest = new();
    private ClientConnector? _connector;
    private HandleTransport? _transport;
    private NbdClient? _client;
    private State _state;
    private bool _isLeaving;

    /// <summary>A handle that belongs to the calling thread; nothing happens before <see cref="Connect"/>.</summary>
    /// <param name="options">Export name, limits and deadlines.</param>
    /// <param name="handler">Told of the connection's beginning and end.</param>
    /// <param name="watch">Measures every call and shows those that block; null measures nothing and costs nothing.</param>
    /// <exception cref="IoException">No descriptor is left for the wake-up.</exception>
    public NbdHandle(NbdClientOptions options, INbdHandleHandler handler, CallWatch? watch = null)
        : this(options, handler, watch, null)
    {
    }

    /// <summary>With something between the client and its socket, for tests.</summary>
    internal NbdHandle(NbdClientOptions options, INbdHandleHandler handler, CallWatch? watch, Func<ITransport, ITransport>? wrap)
    {
        _options = options;
        _handler = handler;
        _watch = watch;
        _wrap = wrap;
        _inbox = new RequestInbox(_guest.Loop, Take);
    }

    private enum State : byte
    {
        Created,
        Connecting,
        Ready,
        Closed,
    }

    /// <summary>
    /// The descriptor to wait for; -1 where there is none at present, which poll(2) passes over. It is another one at each attempt to connect.
    /// </summary>
    public int Fd => _guest.Count > 0 ? _guest[0].Fd : -1;

    /// <summary>What to wait for on <see cref="Fd"/>: to read, to write, or both.</summary>
    public FdFlags Direction => _guest.Count > 0 ? _guest[0].Wanted : FdFlags.None;

    /// <summary>Readable when <see cref="NotifyWake"/> is to be called. The same at all times; an eventfd(2), for waiting only.</summary>
    public int WakeFd => _guest.WakeFd;

    /// <summary>
    /// Milliseconds until <see cref="NotifyWake"/> is to be called although nothing is ready, because of a deadline; -1 is never. As poll(2) takes it.
    /// </summary>
    public int TimeoutMs => _guest.TimeoutMs;

    /// <summary>True between <see cref="INbdHandleHandler.OnReady"/> and the beginning of the end.</summary>
    public bool IsReady => _state == State.Ready && _client!.IsReady;

    /// <summary>True from <see cref="INbdHandleHandler.OnClosed"/> on.</summary>
    public bool IsClosed => _state == State.Closed;

    /// <summary>Size, flags and block sizes of the export.</summary>
    /// <exception cref="InvalidOperationException">The negotiation is not over, or the connection is.</exception>
    public ExportInfo Export => RequireClient().Export;

    /// <summary>The largest READ or WRITE, in bytes.</summary>
    /// <exception cref="InvalidOperationException">There is no connection.</exception>
    public uint MaxPayloadBytes => RequireClient().MaxPayloadBytes;

    /// <summary>Which headers the connection uses.</summary>
    /// <exception cref="InvalidOperationException">There is no connection.</exception>
    public ReplyForm Replies => RequireClient().Replies;

    /// <summary>The metadata contexts that the server has selected.</summary>
    /// <exception cref="InvalidOperationException">There is no connection.</exception>
    public IReadOnlyList<MetaContext> MetaContexts => RequireClient().MetaContexts;

    /// <summary>Requests on the wire that wait for their replies.</summary>
    public int InFlightCount => _client?.InFlightCount ?? 0;

    /// <summary>Where the receiving side is.</summary>
    public ReadState ReadState => _client?.ReadState ?? ReadState.NotStarted;

    /// <summary>Where the sending side is.</summary>
    public WriteState WriteState => _client?.WriteState ?? WriteState.NotStarted;

    /// <summary>What both sides did and when, while there is a connection; null where <see cref="NbdClientOptions.TimelineEntries"/> is 0.</summary>
    public ClientTimeline? Timeline => _client?.Timeline;

    /// <summary>For messages: both states and the oldest cookie in flight.</summary>
    public string Describe() => _client?.Describe() ?? $"the handle is {_state}";

    /// <summary>
    /// Begins to connect and then to negotiate; the handler hears of the end. Addresses are tried in order.
    /// </summary>
    /// <param name="endpoints">From <see cref="EndpointResolver"/>, which may block on a host name; they must live until the handler has heard.</param>
    /// <exception cref="IoException">No descriptor is left.</exception>
    /// <exception cref="InvalidOperationException">It was called before, or not on the handle's thread.</exception>
    public void Connect(IReadOnlyList<SocketEndpoint> endpoints)
    {
        Require(State.Created);
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.Connect");
        _connector = new ClientConnector(_guest.Loop, endpoints, _options.ConnectTimeoutNs, this);
        _connector.Start();
        _state = State.Connecting;
        Turn();
    }

    /// <summary>Begins to negotiate over a stream socket that is connected already.</summary>
    /// <param name="fd">The socket; the handle closes it.</param>
    /// <param name="peer">What is at the other end, for messages.</param>
    /// <exception cref="InvalidOperationException">The handle has a connection, or it was not called on the handle's thread.</exception>
    public void Adopt(int fd, string peer)
    {
        Require(State.Created);
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.Adopt");
        _state = State.Connecting;
        Begin(new PlainTransport(_guest.Loop, fd, peer));
        Turn();
    }

    /// <summary>
    /// The descriptor can be read, or is in error or hung up: takes what has come, calls handlers of requests that have ended, and sends what they submit.
    /// Harmless where nothing has come.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was not called on the handle's thread.</exception>
    public void NotifyRead() => Notify(FdFlags.Read, "NbdHandle.NotifyRead");

    /// <summary>The descriptor can be written, or is in error or hung up: goes on connecting or sending. Harmless where it can not.</summary>
    /// <exception cref="InvalidOperationException">It was not called on the handle's thread.</exception>
    public void NotifyWrite() => Notify(FdFlags.Write, "NbdHandle.NotifyWrite");

    /// <summary><see cref="WakeFd"/> is readable, or <see cref="TimeoutMs"/> has passed: takes what other threads issued, and does what is due.</summary>
    /// <exception cref="InvalidOperationException">It was not called on the handle's thread.</exception>
    public void NotifyWake()
    {
        RequireThread();
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.NotifyWake");
        _guest.NotifyWake();
        EndSendWaits();
    }

    /// <summary>
    /// Ends the connection in order: what is in flight is finished, DISC is sent, the descriptor is closed; the handler hears of it. Requests issued from now
    /// on end with ESHUTDOWN.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was not called on the handle's thread.</exception>
    public void Disconnect()
    {
        RequireThread();
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.Disconnect");
        _isLeaving = true;
        if (_client is not null)
        {
            _client.Disconnect();
        }
        else
        {
            _connector?.GiveUp();
        }

        Turn();
    }

    /// <summary>Ends the connection now: what is in flight ends with the errno.</summary>
    /// <param name="errno">Positive.</param>
    /// <param name="reason">Why, for <see cref="INbdHandleHandler.OnClosed"/>.</param>
    /// <exception cref="InvalidOperationException">It was not called on the handle's thread.</exception>
    public void Drop(int errno, string reason)
    {
        RequireThread();
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.Drop");
        if (_client is not null)
        {
            _client.Drop(errno, reason);
        }
        else
        {
            _connector?.GiveUp();
        }

        Turn();
    }

    /// <summary>Frees everything. A connection that is open is dropped first, and its requests end with ECANCELED before this returns.</summary>
    /// <exception cref="InvalidOperationException">It was called from a handler, or not on the handle's thread.</exception>
    public void Dispose()
    {
        RequireThread();
        if (_guest.IsRunning)
        {
            throw new InvalidOperationException("a handler cannot dispose of the handle that calls it; it can drop the connection");
        }

        if (_state is State.Connecting or State.Ready)
        {
            Drop(Errno.ECANCELED, "the handle was disposed of");
            while (!IsClosed)
            {
                // Nothing here waits for the kernel: a socket is closed as soon as its operations have been called off.
                Turn();
            }
        }

        _guest.Dispose();
    }

    void IConnectHandler.OnConnected(ITransport transport) => Begin(transport);

    void IConnectHandler.OnConnectFailed(int error, string reason) => End(_isLeaving ? 0 : error, _isLeaving ? string.Empty : reason);

    void INbdClientHandler.OnReady(NbdClient client)
    {
        _state = State.Ready;
        _handler.OnReady(this);
        SubmitEarly();
    }

    void INbdClientHandler.OnClosed(NbdClient client, int error, string reason)
    {
        client.Dispose();
        _client = null;
        End(error, reason);
    }

    private void Begin(ITransport transport)
    {
        _transport = new HandleTransport(_wrap?.Invoke(transport) ?? transport, this, _watch);
        _client = new NbdClient(_transport, _options, this);
        _client.Start();
    }

    private void End(int error, string reason)
    {
        _state = State.Closed;
        FailEarly(error == 0 ? Errno.ESHUTDOWN : error);
        _handler.OnClosed(this, error, reason);
    }

    private void Notify(FdFlags ready, string name)
    {
        RequireThread();
        using CallScope scope = CallWatch.Enter(_watch, name);
        if (_guest.Count > 0)
        {
            _guest.Notify(_guest[0].Fd, ready);
        }

        EndSendWaits();
    }

    private void Turn()
    {
        _guest.RunTurn();
        EndSendWaits();
    }

    private NbdClient RequireClient() => _client ?? throw new InvalidOperationException($"there is no connection: the handle is {_state}");

    private void Require(State state)
    {
        RequireThread();
        if (_state != state)
        {
            throw new InvalidOperationException($"the handle is {_state}, not {state}");
        }
    }

    private void RequireThread()
    {
        if (!_guest.Loop.IsLoopThread)
        {
            throw new InvalidOperationException($"the handle belongs to the thread that made it; other threads may call {nameof(Issue)} and {nameof(SendWhole)}");
        }
    }
}
