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
    // A batch is bounded in bytes too: a WRITE at its front ends only when its own bytes have left, and the requests gathered behind it should not wait for
    // megabytes of others.
    private const long MaxBatchBytes = 2 << 20;

    private readonly ITransport _transport;
    private readonly InFlight _inFlight;
    private readonly ISideOwner _owner;
    private readonly IoOperation _send;
    private readonly SendVector _vector;
    private readonly NativeBuffer _headers;
    private readonly ClientTimeline? _timeline;
    private readonly bool _isHalfDuplex;
    private readonly int[] _payloadSlots;
    private readonly long[] _payloadEnds;
    private RequestQueue _queue;
    private ReplyForm _form;
    private int _requestBytes = Requests.CompactSize;
    private int _payloadFirst;
    private int _payloadEnd;
    private long _sentBytes;

    public WriteSide(ITransport transport, InFlight inFlight, ISideOwner owner, NbdClientOptions options, ClientTimeline? timeline)
    {
        int maxBatchRequests = options.MaxBatchRequests;
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatchRequests, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBatchRequests, SendVector.MaxRuns);
        _transport = transport;
        _inFlight = inFlight;
        _owner = owner;
        _timeline = timeline;
        _isHalfDuplex = options.HalfDuplex;
        _send = new IoOperation(this);

        // Two runs for each WRITE, and one for the headers behind the last.
        _vector = new SendVector(Math.Min(SendVector.MaxRuns, (2 * maxBatchRequests) + 1));
        _headers = new NativeBuffer(maxBatchRequests * options.Replies.RequestBytes());
        _payloadSlots = new int[maxBatchRequests];
        _payloadEnds = new long[maxBatchRequests];
    }

    public WriteState State { get; private set; }

    /// <summary>The request that has waited longest to be sent, or null.</summary>
    public ClientRequest? OldestQueued => _queue.Head;

    /// <summary>The transmission phase begins.</summary>
    public void Start(ReplyForm form)
    {
        _form = form;
        _requestBytes = form.RequestBytes();
        Go(WriteState.Ready);
    }

    /// <summary>Takes a request; it leaves at the end of this turn at the earliest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enqueue(ClientRequest request)
    {
        _queue.Enqueue(request);
        if (State == WriteState.Ready)
        {
            GatherAtTurnEnd();
        }
    }

    /// <summary>A request that has not been sent leaves the queue: at its deadline, or because the connection has ended.</summary>
    public bool TryTakeQueued(out ClientRequest request)
    {
        bool taken = _queue.TryDequeue(out request);
        if (_queue.IsEmpty && State == WriteState.Full)
        {
            Go(WriteState.Ready);
        }

        return taken;
    }

    /// <summary>A reply may have come whole; half duplex waits for that.</summary>
    public void Resume()
    {
        if (State == WriteState.Paused && !_owner.IsWithinReply)
        {
            Go(_sentBytes == 0 ? WriteState.Sending : WriteState.SendingRest);
            Send();
        }
    }

    /// <summary>A slot may have become free.</summary>
    public void SlotsFreed()
    {
        if (State == WriteState.Full && !_inFlight.IsFull)
        {
            GatherAtTurnEnd();
        }
    }

    /// <summary>Sends DISC; nothing waits to be sent.</summary>
    public void SendDisconnect()
    {
        Go(WriteState.Disconnecting);
        WriteHeader(_headers.Whole.Span, NbdCommandFlags.None, NbdCommand.Disconnect, 0, 0, 0);
        _vector.Add(_headers.Slice(0, _requestBytes));
        Send();
    }

    /// <summary>Nothing more is sent; the transport's close ends what is in flight.</summary>
    public void End()
    {
        if (State != WriteState.Ended)
        {
            Go(WriteState.Ended);
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
            _owner.Broken(errno, $"cannot send: {ErrnoText.Of(errno)}");
            return;
        }

        _timeline?.Add(_transport.Loop.NowNs, State, State, bytes: result);
        _vector.Advance(result);
        _sentBytes += result;
        FinishSentPayloads();
        if (State != WriteState.Ended)
        {
            Continue();
        }
    }

    public void Dispose()
    {
        _vector.Dispose();
        _headers.Dispose();
    }

    private void Continue()
    {
        if (!_vector.IsEmpty)
        {
            if (State != WriteState.Disconnecting)
            {
                Go(MustPause ? WriteState.Paused : WriteState.SendingRest);
                _transport.Loop.Tally.MessagesPerSend.Add(0);
            }

            if (State != WriteState.Paused)
            {
                Send();
            }
        }
        else if (State == WriteState.Disconnecting)
        {
            _owner.DisconnectSent();
        }
        else if (_queue.IsEmpty)
        {
            Go(WriteState.Ready);
            _owner.AllSent();
        }
        else
        {
            GatherAtTurnEnd();
        }
    }

    /// <summary>Tells of WRITEs that were answered before their last byte had left: only now may their memory be used again.</summary>
    private void FinishSentPayloads()
    {
        while (_payloadFirst < _payloadEnd && _payloadEnds[_payloadFirst] <= _sentBytes)
        {
            int slot = _payloadSlots[_payloadFirst++];
            if (_inFlight.SentPayload(slot, out int error))
            {
                _owner.Finish(slot, error, _inFlight.RequestOf(slot)!.CompletedNs);
                if (State == WriteState.Ended)
                {
                    return;
                }
            }
        }
    }

    private void GatherAtTurnEnd()
    {
        Go(WriteState.Gathering);
        _transport.Loop.AtTurnEnd(this);
    }

    private void Gather()
    {
        _payloadFirst = 0;
        _payloadEnd = 0;
        _sentBytes = 0;
        long nowNs = _transport.Loop.NowNs;
        int headerStart = 0;
        int headerEnd = 0;

        // Headers lie side by side, so those of requests without data are one run.
        while (headerEnd <= _headers.Length - _requestBytes && HasRoom && _queue.TryDequeue(out ClientRequest request))
        {
            int slot = _inFlight.Take(request);
            request.IssuedNs = nowNs;
            Span<byte> header = _headers.Slice(headerEnd, _requestBytes).Span;
            WriteHeader(header, request.Flags, request.Command, _inFlight.CookieOf(slot), request.Offset, request.Length);
            headerEnd += _requestBytes;
            if (request.Command == NbdCommand.Write && !request.Payload.IsEmpty)
            {
                _vector.Add(_headers.Slice(headerStart, headerEnd - headerStart));
                _vector.Add(request.Payload);
                headerStart = headerEnd;
                RememberPayload(slot);
            }

            _timeline?.Add(nowNs, State, State, _inFlight.CookieOf(slot), _requestBytes + (request.Command == NbdCommand.Write ? (int)request.Length : 0));
        }

        _vector.Add(_headers.Slice(headerStart, headerEnd - headerStart));
        if (!_vector.IsEmpty)
        {
            _transport.Loop.Tally.MessagesPerSend.Add(headerEnd / _requestBytes);
            if (MustPause)
            {
                Go(WriteState.Paused);
            }
            else
            {
                Go(WriteState.Sending);
                Send();
            }
        }
        else if (!_queue.IsEmpty)
        {
            Go(WriteState.Full);
        }
        else
        {
            // What was queued ended at its deadline before this turn's end.
            Go(WriteState.Ready);
            _owner.AllSent();
        }
    }

    private void WriteHeader(Span<byte> header, NbdCommandFlags flags, NbdCommand command, ulong cookie, ulong offset, ulong length)
    {
        if (_form != ReplyForm.Extended)
        {
            Requests.WriteCompact(header, flags, command, cookie, offset, (uint)length);
            return;
        }

        // With extended headers the flag says that data follows, and a WRITE must have it.
        flags |= command == NbdCommand.Write ? NbdCommandFlags.PayloadLen : 0;
        Requests.WriteExtended(header, flags, command, cookie, offset, length);
    }

    private bool MustPause => _isHalfDuplex && _owner.IsWithinReply;

    private bool HasRoom => _vector.Bytes < MaxBatchBytes && _vector.Room >= 2 && !_inFlight.IsFull;

    private void RememberPayload(int slot)
    {
        _inFlight.SendingPayload(slot);
        _payloadSlots[_payloadEnd] = slot;
        _payloadEnds[_payloadEnd] = _vector.Bytes;
        _payloadEnd++;
    }

    private void Send()
    {
        _timeline?.Add(_transport.Loop.NowNs, State, State);
        _transport.Send(_send, _vector);
    }

    private void Go(WriteState next)
    {
        WriteState before = State;
        State = ClientStates.Go(before, next);
        _timeline?.Add(_transport.Loop.NowNs, before, next);
    }
}
