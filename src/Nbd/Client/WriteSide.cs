using System.Runtime.CompilerServices;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// The sending side of a connection. Requests issued in one turn of the loop leave in one vectored send, WRITE data from where it lies; one send is
/// in flight at a time, because two interleave. Knows nothing of the receiving side.
/// </summary>
internal sealed class WriteSide : IIoHandler, ITurnEndHandler, IDisposable
{
    private readonly ITransport _transport;
    private readonly InFlight _inFlight;
    private readonly ISideOwner _owner;
    private readonly IoOperation _send;
    private readonly RequestBatch _batch;
    private readonly ClientTimeline? _timeline;
    private readonly bool _isHalfDuplex;
    private RequestQueue _queue;

    public WriteSide(ITransport transport, InFlight inFlight, ISideOwner owner, NbdClientOptions options, ClientTimeline? timeline)
    {
        _transport = transport;
        _inFlight = inFlight;
        _owner = owner;
        _timeline = timeline;
        _isHalfDuplex = options.HalfDuplex;
        _send = new IoOperation(this);
        _batch = new RequestBatch(options);
    }

    public WriteState State { get; private set; }

    /// <summary>The request that has waited longest to be sent, or null.</summary>
    public ClientRequest? OldestQueued => _queue.Head;

    /// <summary>The transmission phase begins.</summary>
    public void Start(ReplyForm form)
    {
        _batch.Start(form);
        Go(WriteState.Ready, Clock());
    }

    /// <summary>Takes a request; it leaves at the end of this turn at the earliest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enqueue(ClientRequest request)
    {
        _queue.Enqueue(request);
        if (State == WriteState.Ready)
        {
            GatherAtTurnEnd(Clock());
        }
    }

    /// <summary>A request that has not been sent leaves the queue: at its deadline, or because the connection has ended.</summary>
    public bool TryTakeQueued(out ClientRequest request)
    {
        bool taken = _queue.TryDequeue(out request);
        if (_queue.IsEmpty && State == WriteState.Full)
        {
            Go(WriteState.Ready, Clock());
        }

        return taken;
    }

    /// <summary>A reply may have come whole; half duplex waits for that.</summary>
    public void Resume()
    {
        if (State == WriteState.Paused && !_owner.IsWithinReply)
        {
            long nowNs = Clock();
            Go(_batch.SentBytes == 0 ? WriteState.Sending : WriteState.SendingRest, nowNs);
            Send(nowNs);
        }
    }

    /// <summary>A slot may have become free.</summary>
    public void SlotsFreed()
    {
        if (State == WriteState.Full && !_inFlight.IsFull)
        {
            GatherAtTurnEnd(Clock());
        }
    }

    /// <summary>Sends DISC; nothing waits to be sent.</summary>
    public void SendDisconnect()
    {
        long nowNs = Clock();
        Go(WriteState.Disconnecting, nowNs);
        _batch.AddDisconnect();
        Send(nowNs);
    }

    /// <summary>Nothing more is sent; the transport's close ends what is in flight.</summary>
    public void End()
    {
        if (State != WriteState.Ended)
        {
            Go(WriteState.Ended, Clock());
        }
    }

    public void OnTurnEnd()
    {
        if (State == WriteState.Gathering)
        {
            Gather();
        }
    }

    public void OnCompleted(IoOperation operation, int result)
    {
        if (State == WriteState.Ended)
        {
            return;
        }

        if (result <= 0)
        {
            int errno = result == 0 ? Errno.EPIPE : -result;
            _owner.Broken(errno, StreamEnd.Text("cannot send", errno));
            return;
        }

        long nowNs = Clock();
        _timeline?.Add(nowNs, State, State, bytes: result);
        _batch.Advance(result);
        if (FinishSentPayloads())
        {
            // Whoever was told may have taken its time.
            nowNs = Clock();
        }

        if (State != WriteState.Ended)
        {
            Continue(nowNs);
        }
    }

    public void Dispose() => _batch.Dispose();

    private void Continue(long nowNs)
    {
        if (!_batch.IsEmpty)
        {
            if (State != WriteState.Disconnecting)
            {
                Go(MustPause ? WriteState.Paused : WriteState.SendingRest, nowNs);
                _transport.Loop.Tally.MessagesPerSend.Add(0);
            }

            if (State != WriteState.Paused)
            {
                Send(nowNs);
            }
        }
        else if (State == WriteState.Disconnecting)
        {
            _owner.DisconnectSent();
        }
        else if (_queue.IsEmpty)
        {
            Go(WriteState.Ready, nowNs);
            _owner.AllSent();
        }
        else
        {
            GatherAtTurnEnd(nowNs);
        }
    }

    /// <summary>
    /// Tells of WRITEs that were answered before their last byte had left: only now may their memory be used again. True where there were any.
    /// </summary>
    private bool FinishSentPayloads()
    {
        bool any = false;
        while (_batch.TryTakeSent(out int slot))
        {
            if (_inFlight.SentPayload(slot, out int error))
            {
                any = true;
                _owner.Finish(slot, error, _inFlight.RequestOf(slot)!.CompletedNs);
                if (State == WriteState.Ended)
                {
                    break;
                }
            }
        }

        return any;
    }

    private void GatherAtTurnEnd(long nowNs)
    {
        Go(WriteState.Gathering, nowNs);
        _transport.Loop.AtTurnEnd(this);
    }

    private void Gather()
    {
        _batch.Begin();
        long nowNs = _transport.Loop.NowNs;
        while (_batch.HasRoom && !_inFlight.IsFull && _queue.TryDequeue(out ClientRequest request))
        {
            int slot = _inFlight.Take(request);
            ulong cookie = _inFlight.CookieOf(slot);
            request.IssuedNs = nowNs;
            if (_batch.Add(request, slot, cookie))
            {
                _inFlight.SendingPayload(slot);
            }

            _timeline?.Add(nowNs, State, State, cookie, _batch.HeaderBytes + (request.Command == NbdCommand.Write ? (int)request.Length : 0));
        }

        _batch.Seal();
        if (!_batch.IsEmpty)
        {
            _transport.Loop.Tally.MessagesPerSend.Add(_batch.Count);
            if (MustPause)
            {
                Go(WriteState.Paused, nowNs);
            }
            else
            {
                Go(WriteState.Sending, nowNs);
                Send(nowNs);
            }
        }
        else if (!_queue.IsEmpty)
        {
            Go(WriteState.Full, nowNs);
        }
        else
        {
            // What was queued ended at its deadline before this turn's end.
            Go(WriteState.Ready, nowNs);
            _owner.AllSent();
        }
    }

    private bool MustPause => _isHalfDuplex && _owner.IsWithinReply;

    private void Send(long nowNs)
    {
        _timeline?.Add(nowNs, State, State);
        _transport.Send(_send, _batch.Vector);
    }

    /// <summary>The time for what is recorded now; not read where nothing is.</summary>
    private long Clock() => _timeline is null ? 0 : _transport.Loop.NowNs;

    // To read the clock is a large part of what recording costs, so all that is done in one go has one time.
    private void Go(WriteState next, long nowNs)
    {
        WriteState before = State;
        State = ClientStates.Go(before, next);
        _timeline?.Add(nowNs, before, next);
    }
}
