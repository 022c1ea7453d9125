using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// One connection to an NBD server, on one loop: fixed newstyle negotiation, then requests pipelined to any depth, with simple replies or, where they were
/// asked for and granted, structured ones or extended headers. Two sides that know nothing of each other, <see cref="ReadState"/> and
/// <see cref="WriteState"/>, share only the table of requests in flight. Handlers run inline on the loop's thread; no locks, and no allocation per request once
/// the table has grown. All members are for the loop's thread. Made with a second transport, the write side runs on that one's loop, which its caller drives on
/// another thread; everything that the caller sees stays on the first.
/// </summary>
public sealed partial class NbdClient : ISideOwner, IHandshakeOwner, ITurnEndHandler, IIoHandler, IDisposable
{
    // A bit for each says which of them a reply has answered.
    internal const int MaxMetaContexts = 64;

    private readonly ITransport _transport;
    private readonly NbdClientOptions _options;
    private readonly INbdClientHandler _handler;
    private readonly InFlight _inFlight;
    private readonly ReadSide _read;

    // One of the two: the write side on this loop, or what stands for one on another.
    private readonly WriteSide? _write;
    private readonly WriteHandOver? _handOver;
    private readonly ClientHandshake _handshake;
    private readonly IoOperation _close;
    private ExportInfo? _export;
    private Phase _phase;

    /// <summary>A client over a connected transport; nothing is sent before <see cref="Start"/>.</summary>
    /// <param name="transport">A stream to the server; the client closes it.</param>
    /// <param name="options">Export name, limits and deadlines.</param>
    /// <param name="handler">Told of the connection's beginning and end.</param>
    public NbdClient(ITransport transport, NbdClientOptions options, INbdClientHandler handler)
        : this(transport, null, options, handler)
    {
    }

    /// <summary>
    /// A client whose write side is driven by another thread, with no lock on the way: requests are submitted and complete on the thread of
    /// <paramref name="transport"/>'s loop, and what is sent after the handshake is sent on the thread of <paramref name="sender"/>'s. The caller makes both
    /// threads and runs both loops until <see cref="INbdClientHandler.OnClosed"/>, and keeps the first loop until the second thread has come to an end, or has
    /// run something that was posted to it after that: it may still be waking the first. A request that has not left by its deadline ends the connection.
    /// </summary>
    /// <param name="transport">A stream to the server; the client closes it.</param>
    /// <param name="sender">The same stream on another loop, as <see cref="PlainTransport.Duplicate"/> makes it; the client closes it too.</param>
    /// <param name="options">Export name, limits and deadlines. <see cref="NbdClientOptions.MaxInFlight"/> is room that is taken at once.</param>
    /// <param name="handler">Told of the connection's beginning and end, on the first loop's thread.</param>
    /// <exception cref="ArgumentException">Both are on one loop, or <see cref="NbdClientOptions.HalfDuplex"/> is asked for, which is one thing at a
    /// time.</exception>
    public NbdClient(ITransport transport, ITransport? sender, NbdClientOptions options, INbdClientHandler handler)
        : this(transport, sender, options, handler, static slots => new SharedInFlight(slots))
    {
    }

    /// <summary>With another table between the two threads, for tests.</summary>
    internal NbdClient(ITransport transport, ITransport? sender, NbdClientOptions options, INbdClientHandler handler, Func<int, SharedInFlight> share)
    {
        if (sender is not null && (options.HalfDuplex || sender.Loop == transport.Loop))
        {
            throw new ArgumentException(options.HalfDuplex ? "half duplex is one thing at a time, which takes one thread" : "the sender is on the same loop", nameof(sender));
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxInFlight, 65_536);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ReceiveBytes, 4096);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MetaContexts.Count, MaxMetaContexts);
        _transport = transport;
        _options = options;
        _handler = handler;
        SharedInFlight? shared = sender is null ? null : share(options.MaxInFlight);
        _inFlight = new InFlight(options.MaxInFlight, shared);
        Timeline = options.TimelineEntries > 0 ? new ClientTimeline(options.TimelineEntries) : null;
        _read = new ReadSide(transport, _inFlight, this, options.ReceiveBytes, Timeline);
        if (sender is null)
        {
            _write = new WriteSide(transport, _inFlight, this, options, Timeline);
        }
        else
        {
            SenderTimeline = options.TimelineEntries > 0 ? new ClientTimeline(options.TimelineEntries) : null;
            _handOver = new WriteHandOver(transport, sender, _inFlight, shared!, this, options, SenderTimeline, FarSideClosed);
        }

        _handshake = new ClientHandshake(transport, options, this);
        _close = new IoOperation(this);
    }

    private enum Phase : byte
    {
        Created,
        Handshake,
        Transmission,
        Draining,
        Closing,
        Closed,
    }

    /// <summary>Size, flags and block sizes of the export.</summary>
    /// <exception cref="InvalidOperationException">The handshake is not over.</exception>
    public ExportInfo Export => _export ?? throw new InvalidOperationException("the export is known from OnReady on");

    /// <summary>The largest READ or WRITE that may be submitted, in bytes: what the server announced, at most 32 MiB, which every server should take. 0 before
    /// <see cref="INbdClientHandler.OnReady"/>.</summary>
    public uint MaxPayloadBytes { get; private set; }

    /// <summary>Which headers the connection uses: at most what the options asked for. From <see cref="INbdClientHandler.OnReady"/> on.</summary>
    public ReplyForm Replies => _handshake.Form;

    /// <summary>The metadata contexts that the server has selected; with none, BLOCK_STATUS cannot be submitted.</summary>
    public IReadOnlyList<MetaContext> MetaContexts => _handshake.Contexts;

    /// <summary>Requests on the wire that wait for their replies.</summary>
    public int InFlightCount => _inFlight.Count;

    /// <summary>Requests that ended at their deadlines and whose late replies have not come yet.</summary>
    public int AbandonedCount => _inFlight.Abandoned;

    /// <summary>What is at the other end, for messages.</summary>
    public string Peer => _transport.Peer;

    /// <summary>
    /// What both sides did and when, or the read side alone where the write side is on another thread; null where
    /// <see cref="NbdClientOptions.TimelineEntries"/> is 0.
    /// </summary>
    public ClientTimeline? Timeline { get; }

    /// <summary>
    /// What the write side did where it is on another thread, which writes it; otherwise null. Look at it only while <see cref="InFlightCount"/> is 0 and
    /// <see cref="WriteState"/> is <see cref="WriteState.Ready"/>: nothing is recorded then.
    /// </summary>
    public ClientTimeline? SenderTimeline { get; }

    /// <summary>Where the receiving side is.</summary>
    public ReadState ReadState => _read.State;

    /// <summary>Where the sending side is; where it is on another thread, where it was a moment ago.</summary>
    public WriteState WriteState => _handOver is null ? _write!.State : _handOver.State;

    /// <summary>True between <see cref="INbdClientHandler.OnReady"/> and the beginning of the end.</summary>
    public bool IsReady => _phase == Phase.Transmission;

    /// <summary>True from the beginning of the end on, except where <see cref="Disconnect"/> still waits for replies.</summary>
    internal bool IsOver => _phase >= Phase.Closing;

    /// <summary>Begins the negotiation. The handler hears of its end.</summary>
    public void Start()
    {
        RequirePhase(Phase.Created);
        _phase = Phase.Handshake;
        _handshake.Start();
    }

    /// <summary>
    /// Takes a request; it leaves with the others of this turn of the loop, or later where the table is full. After the connection's end it completes with
    /// ESHUTDOWN.
    /// </summary>
    /// <exception cref="ArgumentException">Its memory does not fit its length, or its length the wire; range and flags are the server's to judge.</exception>
    /// <exception cref="InvalidOperationException">It is still in flight, or the handshake is not over.</exception>
    public void Submit(ClientRequest request)
    {
        Check(request);
        request.IsSubmitted = true;
        request.SubmittedNs = _read.BatchNs != 0 ? _read.BatchNs : _transport.Loop.NowNs;
        request.IssuedNs = 0;
        if (_phase != Phase.Transmission)
        {
            Refuse(request);
        }
        else if (_write is { } write)
        {
            write.Enqueue(request);
        }
        else
        {
            _handOver!.Enqueue(request);
        }
    }

    /// <summary>For messages: both states and the oldest cookie in flight.</summary>
    public string Describe()
    {
        string oldest = _inFlight.Oldest < 0 ? "none" : $"0x{_inFlight.CookieOf(_inFlight.Oldest):x16}";
        return $"read side: {ClientStates.Sentence(_read.State)}; write side: {ClientStates.Sentence(WriteState)}; "
            + $"in flight: {_inFlight.Count}, oldest cookie: {oldest}";
    }

    /// <summary>Frees the buffers. Only before <see cref="Start"/> or after <see cref="INbdClientHandler.OnClosed"/>.</summary>
    /// <exception cref="InvalidOperationException">The connection is open: the kernel may hold the buffers.</exception>
    public void Dispose()
    {
        if (_phase is not (Phase.Created or Phase.Closed))
        {
            throw new InvalidOperationException("the connection is open; wait for OnClosed");
        }

        _read.Dispose();
        _write?.Dispose();
        _handOver?.Dispose();
        _handshake.Dispose();
    }

    void IHandshakeOwner.Entered(ExportInfo export)
    {
        _export = export;
        MaxPayloadBytes = Math.Min(export.BlockSize.MaximumPayload, Limits.MaxPayloadBytes);
        _phase = Phase.Transmission;
        _handshake.Dispose();
        _read.Start(Replies, MetaContexts);
        _write?.Start(Replies);
        _handOver?.Start(Replies);
        _handler.OnReady(this);
    }

    void IHandshakeOwner.Listed(IReadOnlyList<ServerEntry> exports) => throw new InvalidOperationException("a client lists no exports");

    void ISideOwner.Finish(int slot, int error, long completedNs)
    {
        ClientRequest? request = _inFlight.RequestOf(slot);
        _inFlight.Release(slot);
        if (request is not null)
        {
            Report(request, error, completedNs);
        }
    }

    bool ISideOwner.IsWithinReply => _read.IsWithinReply;

    void ISideOwner.BatchHandled(long nowNs)
    {
        ExpireUntil(nowNs);
        if (_phase <= Phase.Draining)
        {
            if (_write is { } write)
            {
                write.Resume();
                write.SlotsFreed();
            }
            else
            {
                _handOver!.SlotsFreed();
            }

            ContinueDisconnect();
        }
    }

    private static void Report(ClientRequest request, int error, long completedNs)
    {
        request.CompletedNs = completedNs;
        request.IsSubmitted = false;
        request.Handler.OnCompleted(request, error);
    }

    private void RequirePhase(Phase phase)
    {
        if (_phase != phase)
        {
            throw new InvalidOperationException($"the client is in its phase {_phase}, not {phase}");
        }
    }

    private void Check(ClientRequest request)
    {
        if (request.IsSubmitted || _phase < Phase.Transmission)
        {
            throw new InvalidOperationException(request.IsSubmitted
                ? "the request is still in flight; submit it again only after its completion"
                : "submit requests from OnReady on");
        }

        bool fits = request.Command switch
        {
            NbdCommand.Read => request.Length <= MaxPayloadBytes && (request.Destination.IsEmpty || (ulong)request.Destination.Length >= request.Length),
            NbdCommand.Write => request.Length <= MaxPayloadBytes && (ulong)request.Payload.Length == request.Length,
            NbdCommand.Disconnect => false,
            NbdCommand.BlockStatus => FitsHeader(request.Length) && MetaContexts.Count > 0,
            _ => FitsHeader(request.Length),
        };
        if (!fits)
        {
            ThrowUnfit(request);
        }
    }

    // 63 bits: no export is longer, and what looks negative to signed code is not sent.
    private bool FitsHeader(ulong length) => length <= (Replies == ReplyForm.Extended ? Limits.MaxExportBytes : uint.MaxValue);

    private void ThrowUnfit(ClientRequest request) => throw new ArgumentException(
        $"{request.Command.Text()} of {request.Length} bytes with {request.Payload.Length} bytes of payload and {request.Destination.Length} of destination "
        + $"cannot be sent: a payload must be exactly as long as the request, "
        + $"a destination at least, and both at most {MaxPayloadBytes} bytes; other lengths must fit the header ({Replies}); BLOCK_STATUS needs a metadata context; "
        + $"DISC is sent by {nameof(Disconnect)}");
}
