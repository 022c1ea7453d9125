using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>What the negotiation tells its owner; exactly one of these, once, unless the owner ends it.</summary>
internal interface IHandshakeOwner
{
    /// <summary>The transmission phase begins; nothing is in flight on the transport.</summary>
    void Entered(ExportInfo export);

    /// <summary>The server has named its exports, and heard ABORT.</summary>
    void Listed(IReadOnlyList<ServerEntry> exports);

    /// <summary>The negotiation was given up because it was asked to.</summary>
    void Aborted();

    /// <summary>It cannot go on; the reason does not name the peer.</summary>
    void Broken(int errno, string reason);
}

/// <summary>
/// Fixed newstyle negotiation as a client: greeting, then what was asked for of EXTENDED_HEADERS, STRUCTURED_REPLY and SET_META_CONTEXT, as far as the server
/// grants it, then GO with the block sizes, or EXPORT_NAME where the server does not know GO, or LIST. It asks for exactly the bytes that it needs, and every
/// length is checked before memory is taken for it.
/// </summary>
/// <remarks>
/// The protocol is lock-step, so this is one state machine, but not one that either sends or receives: an option may be longer than the sockets' buffers, and a
/// server may answer as it reads, so replies are taken while their option is half sent. Only what ends an option waits until that has left, because the next
/// one is sent from the same memory.
/// </remarks>
internal sealed partial class ClientHandshake : IIoHandler, IDisposable
{
    // A server has four facts to tell about an export, and a few that are not known yet.
    private const int MaxInfoReplies = 64;
    private const int MaxListedExports = 16_384;
    private const int FirstBufferBytes = 8 << 10;

    // How long the answer to ABORT is waited for; there need not be one.
    private const long AbortPatienceNs = 1_000_000_000;

    private readonly ITransport _transport;
    private readonly NbdClientOptions _options;
    private readonly IHandshakeOwner _owner;
    private readonly bool _lists;
    private readonly IoOperation _receive;
    private readonly IoOperation _send;
    private readonly SendVector _vector = new(1);
    private readonly NativeBuffer _out;
    private NativeBuffer _in = new(FirstBufferBytes);
    private HandshakeStep _step;
    private long _deadlineNs = long.MaxValue;
    private int _received;
    private int _needed;
    private bool _isHeld;

    public ClientHandshake(ITransport transport, NbdClientOptions options, IHandshakeOwner owner, bool lists = false)
    {
        _transport = transport;
        _options = options;
        _owner = owner;
        _lists = lists;
        _asks = options.Replies;
        int contexts = MetaContextRequest.WrittenBytes(options.ExportName, options.MetaContexts);
        _out = new NativeBuffer(Greeting.AnswerSize + Math.Max(InfoRequest.MaxWrittenBytes, contexts));
        _receive = new IoOperation(this);
        _send = new IoOperation(this);
    }

    private enum HandshakeStep : byte
    {
        Greeting,
        OptionReply,
        OptionData,
        ExportName,
        Aborting,
        Ended,
    }

    public void Start()
    {
        if (_options.HandshakeTimeoutNs > 0)
        {
            _deadlineNs = _transport.Loop.NowNs + _options.HandshakeTimeoutNs;
        }

        Receive(HandshakeStep.Greeting, Greeting.Size);
    }

    /// <summary>Nothing more is done here; the transport's close ends what is in flight.</summary>
    public void End() => _step = HandshakeStep.Ended;

    public void OnCompleted(IoOperation operation, int result)
    {
        if (_step == HandshakeStep.Ended)
        {
            return;
        }

        if (_step == HandshakeStep.Aborting && (result <= 0 || operation == _receive))
        {
            FinishAbort();
        }
        else if (result <= 0)
        {
            Lost(operation, -result);
        }
        else if (operation == _send)
        {
            Sent(result);
        }
        else
        {
            Received(result);
        }
    }

    public void Dispose()
    {
        _vector.Dispose();
        _out.Dispose();
        _in.Dispose();
    }

    private void Sent(int bytes)
    {
        _vector.Advance(bytes);
        if (!_vector.IsEmpty)
        {
            Continue(_send);
        }
        else if (_step == HandshakeStep.Aborting)
        {
            Continue(_receive);
        }
        else if (_isHeld)
        {
            _isHeld = false;
            Judge(_step == HandshakeStep.ExportName ? TakeExportName(_in.Slice(0, _needed).Span) : TakeOptionData(_in.Slice(0, _reply.Length).Span));
        }
    }

    private void Received(int bytes)
    {
        _received += bytes;
        if (_received < _needed)
        {
            Continue(_receive);
            return;
        }

        ReadOnlySpan<byte> message = _in.Slice(0, _needed).Span;
        Judge(_step switch
        {
            HandshakeStep.Greeting => TakeGreeting(message),
            HandshakeStep.OptionReply => TakeOptionReply(message),
            HandshakeStep.OptionData => TakeOptionData(message),
            _ => TakeExportName(message),
        });
    }

    /// <summary>True where what was sent last is still on its way; what has come is kept, and taken when it has left.</summary>
    private bool HoldsUntilSent()
    {
        _isHeld = !_vector.IsEmpty;
        return _isHeld;
    }

    private void Judge(ParseVerdict verdict)
    {
        if (!verdict.IsOk)
        {
            _owner.Broken(Errno.EPROTO, verdict.Reason);
        }
    }

    /// <summary>The next bytes that this step needs; memory for them is taken here, after the length was checked.</summary>
    private void Receive(HandshakeStep step, int bytes)
    {
        Expect(step, bytes);
        Continue(_receive);
    }

    private void Expect(HandshakeStep step, int bytes)
    {
        _step = step;
        _received = 0;
        _needed = bytes;
        if (bytes > _in.Length)
        {
            _in.Dispose();
            _in = new NativeBuffer(bytes);
        }
    }

    /// <summary>Sends the first bytes of the output; this many are expected for the step, from now on, or after ABORT when that has left.</summary>
    private void Send(int bytes, HandshakeStep step, int replyBytes)
    {
        Expect(step, replyBytes);
        _vector.Add(_out.Slice(0, bytes));
        Continue(_send);
        if (step != HandshakeStep.Aborting)
        {
            Continue(_receive);
        }
    }

    private void Continue(IoOperation operation)
    {
        long deadlineNs = _step == HandshakeStep.Aborting ? Math.Min(_deadlineNs, _transport.Loop.NowNs + AbortPatienceNs) : _deadlineNs;
        operation.TimeoutNs = deadlineNs == long.MaxValue ? 0 : Math.Max(1, deadlineNs - _transport.Loop.NowNs);
        if (operation == _send)
        {
            _transport.Send(_send, _vector);
        }
        else
        {
            _transport.Receive(_receive, _in.Slice(_received, _needed - _received));
        }
    }

    private void Lost(IoOperation operation, int errno)
    {
        if (errno == Errno.ETIME)
        {
            _owner.Broken(Errno.ETIMEDOUT, $"the server did not finish the handshake within {_options.HandshakeTimeoutNs / 1e9:0.###} s; it was {Where()}");
        }
        else if (errno != 0)
        {
            _owner.Broken(errno, $"{StreamEnd.Who(errno) ?? "the connection broke"} while {Where()}: {ErrnoText.Of(errno)}");
        }
        else if (operation == _receive && _step == HandshakeStep.ExportName)
        {
            // EXPORT_NAME has no error reply: a server that does not serve the export can only hang up.
            _owner.Broken(Errno.ENOENT, $"the server closed the connection instead of serving {Export()}; check the export's name");
        }
        else
        {
            _owner.Broken(Errno.ECONNRESET, $"the server closed the connection while {Where()}");
        }
    }

    private string Export() => _options.ExportName.Length == 0 ? "its default export" : $"the export '{_options.ExportName}'";

    private string OptionText => _option switch
    {
        NbdOption.List => "LIST",
        NbdOption.StructuredReply => "STRUCTURED_REPLY",
        NbdOption.ExtendedHeaders => "EXTENDED_HEADERS",
        NbdOption.SetMetaContext => "SET_META_CONTEXT",
        _ => "GO",
    };

    private string Where() => _step switch
    {
        HandshakeStep.Greeting => "waiting for the server's greeting",
        HandshakeStep.ExportName => "waiting for the answer to EXPORT_NAME",
        HandshakeStep.Aborting => "waiting for the answer to ABORT",
        _ => $"waiting for the answer to {OptionText}",
    };
}
