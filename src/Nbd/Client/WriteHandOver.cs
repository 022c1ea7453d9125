using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// What the receiving thread has in place of a <see cref="WriteSide"/> where the sending side is on another thread: takes requests, gives each a slot of the
/// table, and hands those of one turn of the loop over together, so that they leave in one send as they would with one thread. All members are for the
/// receiving side's loop thread.
/// </summary>
internal sealed class WriteHandOver : ITurnEndHandler, IDisposable
{
    private readonly ITransport _transport;
    private readonly InFlight _inFlight;
    private readonly SharedInFlight _shared;
    private readonly ISideOwner _owner;
    private readonly Action _closed;
    private readonly FarWriteSide _side;
    private RequestQueue _waiting;
    private bool _publishes;
    private bool _hasEnded;
    private bool _isClosed;

    /// <param name="transport">The receiving side's stream.</param>
    /// <param name="sender">The sending side's, on the other loop; both lead to the same server.</param>
    /// <param name="inFlight">The table, of this thread.</param>
    /// <param name="shared">What both threads share of it.</param>
    /// <param name="owner">Told on this thread, as by a <see cref="WriteSide"/>.</param>
    /// <param name="options">Of the connection.</param>
    /// <param name="timeline">Of the sending side, or null.</param>
    /// <param name="closed">Called once after <see cref="End"/>, when the sending side's descriptor is closed.</param>
    public WriteHandOver(
        ITransport transport, ITransport sender, InFlight inFlight, SharedInFlight shared, ISideOwner owner, NbdClientOptions options, ClientTimeline? timeline,
        Action closed)
    {
        _transport = transport;
        _inFlight = inFlight;
        _shared = shared;
        _owner = owner;
        _closed = closed;
        _side = new FarWriteSide(sender, shared, options, timeline, transport.Loop, TakeNews);
    }

    /// <summary>Where the sending side is, or was a moment ago.</summary>
    public WriteState State => _side.State;

    /// <summary>The request that has waited longest for a slot of the table, or null.</summary>
    public ClientRequest? OldestQueued => _waiting.Head;

    /// <summary>True where every request has been handed over, and DISC has not.</summary>
    public bool MayDisconnect => _waiting.IsEmpty && !HasDisconnected;

    /// <summary>The errno that a send ended with, and why; null while none did. Whole once the sending side is closed.</summary>
    public Tuple<int, string>? Broken => _side.Broken;

    /// <summary>DISC has been handed over, and may have left.</summary>
    public bool HasDisconnected { get; private set; }

    /// <summary>The transmission phase begins.</summary>
    public void Start(ReplyForm form) => _side.Start(form);

    /// <summary>Takes a request; it is handed over at the end of this turn, or when the table has room.</summary>
    public void Enqueue(ClientRequest request)
    {
        if (_waiting.IsEmpty && !_inFlight.IsFull)
        {
            HandOver(request);
        }
        else
        {
            _waiting.Enqueue(request);
        }
    }

    /// <summary>A request that has no slot leaves the queue: at its deadline, or because the connection has ended.</summary>
    public bool TryTakeQueued(out ClientRequest request) => _waiting.TryDequeue(out request);

    /// <summary>A slot may have become free.</summary>
    public void SlotsFreed()
    {
        while (!_inFlight.IsFull && _waiting.TryDequeue(out ClientRequest request))
        {
            HandOver(request);
        }
    }

    /// <summary>Sends DISC; nothing waits to be sent.</summary>
    public void SendDisconnect()
    {
        HasDisconnected = true;
        _shared.HandOverDisconnect();
        PublishAtTurnEnd();
    }

    /// <summary>Nothing more is sent; the sending side closes its descriptor and says when that is done.</summary>
    public void End()
    {
        _hasEnded = true;
        _side.AskForEnd();
    }

    void ITurnEndHandler.OnTurnEnd()
    {
        _publishes = false;
        _shared.Publish();
        _side.Wake();
    }

    public void Dispose() => _side.Dispose();

    private void HandOver(ClientRequest request)
    {
        int slot = _inFlight.Take(request);
        _inFlight.SendingPayload(slot);
        _shared.HandOver(slot, request, _inFlight.CookieOf(slot));
        PublishAtTurnEnd();
    }

    private void PublishAtTurnEnd()
    {
        if (!_publishes)
        {
            _publishes = true;
            _transport.Loop.AtTurnEnd(this);
        }
    }

    private void TakeNews()
    {
        FinishAnswered();
        if (_side.Broken is (int errno, string reason) && !_hasEnded)
        {
            _owner.Broken(errno, reason);
        }

        if (_side.IsDisconnectSent && !_hasEnded)
        {
            _owner.DisconnectSent();
        }

        if (_side.IsClosed && !_isClosed)
        {
            _isClosed = true;
            _closed();
        }
    }

    /// <summary>Ends the requests that were answered before they had left. Where the connection ends, they end with the others.</summary>
    private void FinishAnswered()
    {
        bool any = false;
        while (!_hasEnded && _shared.AnsweredBefore.TryPeek(out int slot))
        {
            _shared.AnsweredBefore.Drop();
            _inFlight.SentPayload(slot, out int error);

            // It may have ended at its deadline since the other thread sent it; then only its slot is given back.
            _owner.Finish(slot, error, _inFlight.RequestOf(slot)?.CompletedNs ?? 0);
            any = true;
        }

        if (any && !_hasEnded)
        {
            SlotsFreed();
            _owner.AllSent();
        }
    }
}
