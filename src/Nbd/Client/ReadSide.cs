using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// The receiving side of a connection. One receive into a linear buffer yields many replies; the data of a large READ is received straight into its
/// destination. Knows nothing of the sending side, so it goes on while a large WRITE is half sent.
/// </summary>
internal sealed partial class ReadSide : IIoHandler, IDisposable
{
    // Bytes of a half-received header are moved to just before this point, so that every receive begins on a cache line: off it, TCP receives were measured at
    // a third of the speed.
    private const int ReceiveStart = 64;

    // From this many missing bytes on, a receive of its own is cheaper than the copy out of the buffer.
    private const int DirectBytes = 32 << 10;

    // After large data comes more of it, as a rule: a receive of all that is there would bring most of that to where it is not wanted, and it would be copied
    // once more. This much has room for many headers, and for small data.
    private const int HeadersBytes = 4 << 10;

    private readonly ITransport _transport;
    private readonly InFlight _inFlight;
    private readonly ISideOwner _owner;
    private readonly IoOperation _receive;
    private readonly LoopTally _tally;
    private readonly ClientTimeline? _timeline;
    private readonly NativeBuffer _buffer;
    private int _start = ReceiveStart;
    private int _end = ReceiveStart;
    private int _slot;
    private int _missing;
    private int _replies;
    private bool _expectsLarge;
    private NativeSlice _destination;
    private long _nowNs;

    public ReadSide(ITransport transport, InFlight inFlight, ISideOwner owner, int receiveBytes, ClientTimeline? timeline)
    {
        _transport = transport;
        _tally = transport.Loop.Tally;
        _inFlight = inFlight;
        _owner = owner;
        _timeline = timeline;
        _receive = new IoOperation(this);
        _buffer = new NativeBuffer(ReceiveStart + receiveBytes);
    }

    public ReadState State { get; private set; }

    /// <summary>The time of the receive whose replies are being handled, or 0 between receives.</summary>
    public long BatchNs { get; private set; }

    /// <summary>A reply has been received in part.</summary>
    public bool IsWithinReply => State != ReadState.ReplyHeader || _end != _start;

    /// <summary>The transmission phase begins.</summary>
    public void Start(ReplyForm form, IReadOnlyList<MetaContext> contexts)
    {
        ExpectChunks(form, contexts);
        Go(ReadState.ReplyHeader);
        Arm(_transport.Loop.NowNs);
    }

    /// <summary>Nothing more is received; the transport's close ends what is in flight.</summary>
    public void End()
    {
        if (State != ReadState.Ended)
        {
            Go(ReadState.Ended);
        }
    }

    /// <summary>The request of this slot ended at its deadline: its destination is not touched any more. Not while a receive is in flight.</summary>
    public void Forget(int slot)
    {
        if (_slot == slot && State is ReadState.Payload or ReadState.PayloadDirect)
        {
            _destination = default;
            Go(ReadState.PayloadDropped);
        }
    }

    public void OnCompleted(IoOperation operation, int result)
    {
        if (State == ReadState.Ended)
        {
            return;
        }

        if (result <= 0 && result != -Errno.ETIME)
        {
            Lost(-result);
            return;
        }

        _nowNs = BatchNs = _transport.Loop.NowNs;
        if (result > 0)
        {
            _timeline?.Add(_nowNs, State, State, bytes: result);
            _replies = 0;
            Take(result);
            _tally.MessagesPerReceive.Add(_replies);
        }

        if (State != ReadState.Ended)
        {
            _owner.BatchHandled(_nowNs);
        }

        BatchNs = 0;
        if (State != ReadState.Ended)
        {
            Arm(_nowNs);
        }
    }

    public void Dispose() => _buffer.Dispose();

    private void Arm(long nowNs)
    {
        _receive.TimeoutNs = _owner.ReceiveTimeoutNs(nowNs);
        _timeline?.Add(_transport.Loop.NowNs, State, State);
        if (State == ReadState.PayloadDirect)
        {
            _transport.Receive(_receive, _destination);
            return;
        }

        // Less than a header is left over, at most 31 bytes. Data is always taken out at once.
        int left = _end - _start;
        if (left > 0 && _end != ReceiveStart)
        {
            _buffer.Slice(_start, left).Span.CopyTo(_buffer.Slice(ReceiveStart - left, left).Span);
        }

        _start = ReceiveStart - left;
        _end = ReceiveStart;
        _transport.Receive(_receive, _buffer.Slice(_end, Math.Min(_buffer.Length - _end, _expectsLarge ? HeadersBytes : int.MaxValue)));
    }

    private void Take(int received)
    {
        if (State == ReadState.PayloadDirect)
        {
            _destination = _destination.Slice(received);
            _missing -= received;
            FinishPayload();
            return;
        }

        _end += received;
        while (State != ReadState.Ended && _end > _start)
        {
            if (State == ReadState.ReplyHeader)
            {
                if (_end - _start < Replies.SimpleSize)
                {
                    return;
                }

                if (_form == ReplyForm.Simple)
                {
                    TakeHeader();
                }
                else if (!TakeChunkHeader())
                {
                    return;
                }
            }
            else if (State <= ReadState.PayloadDropped)
            {
                TakePayload();
            }
            else if (!TakeChunkPart())
            {
                return;
            }
        }
    }

    private void TakeHeader()
    {
        ReadOnlySpan<byte> header = _buffer.Slice(_start, Replies.SimpleSize).Span;
        _start += Replies.SimpleSize;
        _replies++;
        if (!Replies.TryReadSimple(header, out uint magic, out uint wireError, out ulong cookie))
        {
            _owner.Broken(Errno.EPROTO, BadMagic(magic));
            return;
        }

        CookieVerdict verdict = _inFlight.Judge(cookie);
        if (verdict is CookieVerdict.AnsweredBefore or CookieVerdict.NeverIssued)
        {
            _owner.Broken(Errno.EPROTO, BadCookie(cookie, verdict));
            return;
        }

        _slot = InFlight.SlotOf(cookie);
        int error = NbdErrors.FromWire(wireError);
        uint payloadBytes = _inFlight.PayloadBytesOf(_slot);
        if (error != 0 || payloadBytes == 0)
        {
            Finish(error);
            return;
        }

        Expect((int)payloadBytes);
        _destination = verdict == CookieVerdict.Late ? default : DestinationOf(_inFlight.RequestOf(_slot)!);
        if (_destination.IsEmpty)
        {
            Go(ReadState.PayloadDropped);
            return;
        }

        _destination = _destination.Slice(0, _missing);
        Go(ReadState.Payload);
        if (_start == _end)
        {
            ReceiveDirectlyIfLarge();
        }
    }

    /// <summary>So much data follows the header.</summary>
    private void Expect(int bytes)
    {
        _missing = bytes;
        _expectsLarge = bytes >= DirectBytes;
    }

    private static NativeSlice DestinationOf(ClientRequest request)
    {
        if (request.Destination.IsEmpty && request.Memory is { } memory)
        {
            request.Destination = memory.MemoryFor(request);
        }

        return request.Destination;
    }

    private void TakePayload()
    {
        int available = Math.Min(_missing, _end - _start);
        if (State == ReadState.Payload)
        {
            _buffer.Slice(_start, available).Span.CopyTo(_destination.Span);
            _destination = _destination.Slice(available);
            _tally.BytesCopied += available;
        }

        _start += available;
        _missing -= available;
        FinishPayload();
        ReceiveDirectlyIfLarge();
    }

    private void ReceiveDirectlyIfLarge()
    {
        if (State == ReadState.Payload && _missing >= DirectBytes)
        {
            Go(ReadState.PayloadDirect);
        }
    }

    private void FinishPayload()
    {
        if (_missing > 0)
        {
            return;
        }

        _destination = default;
        Go(ReadState.ReplyHeader);
        if (_form == ReplyForm.Simple)
        {
            Finish(0);
        }
        else
        {
            EndChunk();
        }
    }

    private void Finish(int error)
    {
        _timeline?.Add(_nowNs, State, State, _inFlight.CookieOf(_slot));
        if (!_inFlight.IsSending(_slot) || !_inFlight.Answered(_slot, error, _nowNs))
        {
            _owner.Finish(_slot, error, _nowNs);
        }
    }

    private void Lost(int errno)
    {
        if (errno != 0)
        {
            _owner.Broken(errno, StreamEnd.Text("cannot receive", errno));
            return;
        }

        _owner.StreamEnded(IsWithinReply);
    }

    private static string BadMagic(uint magic) => magic == NbdMagic.StructuredReply
        ? $"the server sent a structured reply (magic 0x{magic:x8}) although none were negotiated"
        : $"the server sent 0x{magic:x8} where a reply begins; expected 0x{NbdMagic.SimpleReply:x8}";

    private static string BadCookie(ulong cookie, CookieVerdict verdict) => verdict == CookieVerdict.AnsweredBefore
        ? $"the server answered cookie 0x{cookie:x16} a second time"
        : $"the server sent a reply with cookie 0x{cookie:x16}, which no request has";

    private void Go(ReadState next)
    {
        ReadState before = State;
        State = ClientStates.Go(before, next);
        if (_timeline is { } timeline)
        {
            Record(timeline, before);
        }
    }

    private void Record(ClientTimeline timeline, ReadState before)
    {
        // Outside a receive there is no time of a batch; and between replies there is no request.
        long nowNs = BatchNs != 0 ? _nowNs : _transport.Loop.NowNs;
        bool isOfReply = before != ReadState.NotStarted && (before != ReadState.ReplyHeader || State != ReadState.Ended);
        bool isData = before is ReadState.ReplyHeader or ReadState.ChunkHead
            && State is ReadState.Payload or ReadState.PayloadDirect or ReadState.PayloadDropped;
        timeline.Add(nowNs, before, State, isOfReply ? _inFlight.CookieOf(_slot) : 0, isData ? _missing : 0);
    }
}
