using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// The sending side of a connection on a loop of its own, on another thread than the receiving side: takes the slots that <see cref="WriteHandOver"/>
/// publishes, sends their requests as <see cref="WriteSide"/> does, and tells back only what the other thread cannot know. What orders the two threads is in
/// <see cref="SharedInFlight"/>. All members are for this side's loop thread unless they say otherwise.
/// </summary>
internal sealed class FarWriteSide : IIoHandler, IDisposable
{
    private readonly ITransport _transport;
    private readonly SharedInFlight _shared;
    private readonly RequestBatch _batch;
    private readonly IoOperation _send;
    private readonly IoOperation _close;
    private readonly ClientTimeline? _timeline;
    private readonly EventLoop _otherLoop;
    private readonly LoopWork _wakeUp;
    private readonly LoopWork _end;
    private readonly LoopWork _news;
    private int _state;

    /// <param name="transport">The stream, on this side's loop; closed by <see cref="AskForEnd"/>.</param>
    /// <param name="shared">What the two threads share.</param>
    /// <param name="options">Of the connection.</param>
    /// <param name="timeline">Of this side alone, or null.</param>
    /// <param name="otherLoop">The loop of the receiving side.</param>
    /// <param name="news">Run there when <see cref="Broken"/>, <see cref="IsDisconnectSent"/>, <see cref="IsClosed"/> or the slots told back have
    /// changed.</param>
    public FarWriteSide(
        ITransport transport, SharedInFlight shared, NbdClientOptions options, ClientTimeline? timeline, EventLoop otherLoop, Action news)
    {
        _transport = transport;
        _shared = shared;
        _timeline = timeline;
        _otherLoop = otherLoop;
        _batch = new RequestBatch(options);
        _send = new IoOperation(this);
        _close = new IoOperation(this);
        _wakeUp = new LoopAction(WokenUp);
        _end = new LoopAction(End);
        _news = new LoopAction(() =>
        {
            // Before anything is read: what is told from here on is posted anew.
            _shared.LowerNews();
            news();
        });
    }

    /// <summary>Where this side is. Any thread may ask: with <see cref="WriteState.Ready"/> everything that the side recorded before is to be seen.</summary>
    public WriteState State => (WriteState)Volatile.Read(ref _state);

    /// <summary>The errno that a send ended with, and why; null while none failed. Told as news.</summary>
    public Tuple<int, string>? Broken { get; private set; }

    /// <summary>DISC has left. Told as news.</summary>
    public bool IsDisconnectSent { get; private set; }

    /// <summary>This side's descriptor is closed, and the kernel holds no memory of it. Told as news.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>The transmission phase begins. The other thread, before it hands over anything.</summary>
    public void Start(ReplyForm form)
    {
        _batch.Start(form);
        Go(WriteState.Ready, Clock());
    }

    /// <summary>Something was published. The other thread; a system call only where this side's loop sleeps.</summary>
    public void Wake()
    {
        if (_shared.TakeIdle())
        {
            _transport.Loop.Post(_wakeUp);
        }
    }

    /// <summary>Nothing more is sent, and the descriptor is closed. The other thread, once.</summary>
    public void AskForEnd() => _transport.Loop.Post(_end);

    /// <summary>Frees the memory. Before the start, or after <see cref="IsClosed"/>; any thread.</summary>
    public void Dispose() => _batch.Dispose();

    void IIoHandler.OnCompleted(IoOperation operation, int result)
    {
        if (operation == _close)
        {
            IsClosed = true;
            Tell();
        }
        else if (State != WriteState.Ended)
        {
            Take(result);
        }
        else if (result is <= 0 and not -Errno.ECANCELED)
        {
            // The other thread has found the end before this one did, and may not know why.
            Break(result);
        }
    }

    private void Break(int result)
    {
        int errno = result == 0 ? Errno.EPIPE : -result;
        Broken = Tuple.Create(errno, StreamEnd.Text("cannot send", errno));
    }

    private void Take(int result)
    {
        if (result <= 0)
        {
            Break(result);
            Go(WriteState.Ended, Clock());
            Tell();
            return;
        }

        long nowNs = Clock();
        _timeline?.Add(nowNs, State, State, bytes: result);
        _batch.Advance(result);
        TellSentPayloads();
        if (!_batch.IsEmpty)
        {
            if (State != WriteState.Disconnecting)
            {
                Go(WriteState.SendingRest, nowNs);
                _transport.Loop.Tally.MessagesPerSend.Add(0);
            }

            Send(nowNs);
        }
        else if (State == WriteState.Disconnecting)
        {
            IsDisconnectSent = true;
            Tell();
        }
        else
        {
            Continue(nowNs);
        }
    }

    private void WokenUp()
    {
        if (State != WriteState.Ended)
        {
            Continue(Clock());
        }
    }

    /// <summary>Sends what was handed over, or becomes idle.</summary>
    private void Continue(long nowNs)
    {
        while (!_shared.ToSend.TryPeek(out _))
        {
            BecomeReady(nowNs);
            if (_shared.MayRest())
            {
                return;
            }
        }

        _shared.ToSend.TryPeek(out int first);
        if (first == SharedInFlight.Disconnect)
        {
            _shared.ToSend.Drop();
            BecomeReady(nowNs);
            Go(WriteState.Disconnecting, nowNs);
            _batch.AddDisconnect();
            Send(nowNs);
        }
        else
        {
            Gather();
        }
    }

    private void Gather()
    {
        long nowNs = _transport.Loop.NowNs;
        Go(WriteState.Gathering, nowNs);
        _batch.Begin();
        bool anyAnswered = false;
        while (_batch.HasRoom && _shared.ToSend.TryPeek(out int slot) && slot != SharedInFlight.Disconnect)
        {
            _shared.ToSend.Drop();
            ClientRequest request = _shared.RequestOf(slot, out ulong cookie);
            int payloadBytes = request.Command == NbdCommand.Write ? (int)request.Length : 0;
            request.IssuedNs = nowNs;
            if (!_batch.Add(request, slot, cookie) && _shared.Sent(slot))
            {
                // Only a server that makes cookies up has answered what has not left.
                _shared.AnsweredBefore.Add(slot);
                anyAnswered = true;
            }

            _timeline?.Add(nowNs, WriteState.Gathering, WriteState.Gathering, cookie, _batch.HeaderBytes + payloadBytes);
        }

        _batch.Seal();
        _transport.Loop.Tally.MessagesPerSend.Add(_batch.Count);
        if (anyAnswered)
        {
            _shared.AnsweredBefore.Publish();
            Tell();
        }

        Go(WriteState.Sending, nowNs);
        Send(nowNs);
    }

    /// <summary>Gives back the WRITEs whose data has left, and tells of those that were answered before: only now may their memory be used again.</summary>
    private void TellSentPayloads()
    {
        bool anyAnswered = false;
        while (_batch.TryTakeSent(out int slot))
        {
            if (_shared.Sent(slot))
            {
                _shared.AnsweredBefore.Add(slot);
                anyAnswered = true;
            }
        }

        if (anyAnswered)
        {
            _shared.AnsweredBefore.Publish();
            Tell();
        }
    }

    private void Tell()
    {
        if (_shared.RaiseNews())
        {
            _otherLoop.Post(_news);
        }
    }

    private void End()
    {
        if (State != WriteState.Ended)
        {
            Go(WriteState.Ended, Clock());
        }

        _transport.Close(_close);
    }

    private void BecomeReady(long nowNs)
    {
        if (State != WriteState.Ready)
        {
            Go(WriteState.Ready, nowNs);
        }
    }

    private void Send(long nowNs)
    {
        _timeline?.Add(nowNs, State, State);
        _transport.Send(_send, _batch.Vector);
    }

    /// <summary>The time for what is recorded now; not read where nothing is.</summary>
    private long Clock() => _timeline is null ? 0 : _transport.Loop.NowNs;

    private void Go(WriteState next, long nowNs)
    {
        var before = (WriteState)_state;
        ClientStates.Go(before, next);
        _timeline?.Add(nowNs, before, next);
        Volatile.Write(ref _state, (int)next);
    }
}
