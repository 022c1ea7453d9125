using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>What is said in the negotiation: options and their replies.</content>
internal sealed partial class ClientHandshake
{
    private readonly ExportInfoBuilder _info = new();
    private readonly List<ServerEntry> _listed = [];
    private NbdOption _option;
    private OptionReply _reply;
    private ClientFlags _flags;
    private int _replies;
    private int _abortErrno;
    private string _abortReason = string.Empty;
    private bool _isListed;

    /// <summary>Gives the negotiation up; the owner hears <see cref="IHandshakeOwner.Aborted"/>.</summary>
    public void GiveUp()
    {
        // Between the messages of the lock-step nothing can be sent: what is in flight would be mixed with it. So a negotiation that waits is just left.
        if (_step != HandshakeStep.Ended)
        {
            _owner.Aborted();
        }
    }

    private ParseVerdict TakeGreeting(ReadOnlySpan<byte> message)
    {
        ParseVerdict verdict = Greeting.Parse(message, out HandshakeFlags offered);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        _flags = Greeting.AnswerTo(offered);
        Greeting.WriteAnswer(_out.Whole.Span, _flags);
        if (_lists)
        {
            return _flags.HasFlag(ClientFlags.FixedNewstyle)
                ? SendList()
                : ParseVerdict.Drop("the server does not offer FIXED_NEWSTYLE, so it cannot list its exports");
        }

        // Without FIXED_NEWSTYLE, EXPORT_NAME is the only option that may be sent.
        if (_flags.HasFlag(ClientFlags.FixedNewstyle))
        {
            SendNext(Greeting.AnswerSize);
        }
        else
        {
            SendExportName(Greeting.AnswerSize);
        }

        return ParseVerdict.Ok;
    }

    private ParseVerdict SendList()
    {
        int bytes = Greeting.AnswerSize + OptionRequest.WriteHeader(_out.Whole.Span[Greeting.AnswerSize..], NbdOption.List, 0);
        SendOption(NbdOption.List, bytes);
        return ParseVerdict.Ok;
    }

    private void SendGo(int at)
    {
        var request = new InfoRequest(_options.ExportName, InfoTypes.BlockSize);
        SendOption(NbdOption.Go, at + request.Write(_out.Whole.Span[at..], NbdOption.Go));
    }

    private void SendExportName(int at)
    {
        _option = NbdOption.ExportName;
        int bytes = at + OptionRequest.WriteExportName(_out.Whole.Span[at..], _options.ExportName);
        Send(bytes, HandshakeStep.ExportName, ExportNameReply.Size(_flags.HasFlag(ClientFlags.NoZeroes)));
    }

    private void SendOption(NbdOption option, int bytes)
    {
        _option = option;
        _replies = 0;
        Send(bytes, HandshakeStep.OptionReply, OptionReply.HeaderSize);
    }

    private ParseVerdict TakeOptionReply(ReadOnlySpan<byte> message)
    {
        ParseVerdict verdict = OptionReply.Parse(message, _option, out _reply);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (++_replies > MostReplies)
        {
            return ParseVerdict.Drop($"the server sent more than {_replies - 1} replies to option {(uint)_option}");
        }

        if (_reply.Length == 0)
        {
            return TakeOptionData([]);
        }

        Receive(HandshakeStep.OptionData, _reply.Length);
        return ParseVerdict.Ok;
    }

    private int MostReplies => _option switch
    {
        NbdOption.List => MaxListedExports,
        NbdOption.SetMetaContext => NbdClient.MaxMetaContexts + 1,
        _ => MaxInfoReplies,
    };

    private ParseVerdict TakeOptionData(ReadOnlySpan<byte> data)
    {
        if ((_reply.Type.IsError() || _reply.Type == OptionReplyType.Ack) && HoldsUntilSent())
        {
            return ParseVerdict.Ok;
        }

        if (_reply.Type.IsError())
        {
            Refused(data);
            return ParseVerdict.Ok;
        }

        return _reply.Type switch
        {
            OptionReplyType.Ack => TakeAck(),
            OptionReplyType.Info when _option == NbdOption.Go => TakeMore(_info.Take(data)),
            OptionReplyType.MetaContext when _option == NbdOption.SetMetaContext => TakeMore(TakeContext(data)),
            OptionReplyType.Server when _option == NbdOption.List => TakeMore(TakeServer(data)),
            _ => ParseVerdict.Drop($"the server answered option {(uint)_option} with {_reply.Type.Text()}"),
        };
    }

    private ParseVerdict TakeServer(ReadOnlySpan<byte> data)
    {
        ParseVerdict verdict = ServerEntry.Parse(data, out ServerEntry entry);
        _listed.Add(entry);
        return verdict;
    }

    private ParseVerdict TakeMore(ParseVerdict verdict)
    {
        if (verdict.IsOk)
        {
            Receive(HandshakeStep.OptionReply, OptionReply.HeaderSize);
        }

        return verdict;
    }

    private ParseVerdict TakeAck()
    {
        if (_option == NbdOption.List)
        {
            _isListed = true;
            Abort();
            return ParseVerdict.Ok;
        }

        if (_option != NbdOption.Go)
        {
            Granted();
            return ParseVerdict.Ok;
        }

        ParseVerdict verdict = _info.Finish(out ExportInfo? export);
        if (verdict.IsOk)
        {
            Enter(export!);
        }

        return verdict;
    }

    private ParseVerdict TakeExportName(ReadOnlySpan<byte> message)
    {
        if (HoldsUntilSent())
        {
            return ParseVerdict.Ok;
        }

        ParseVerdict verdict = ExportNameReply.Parse(message, _flags.HasFlag(ClientFlags.NoZeroes), out ExportInfo? export);
        if (verdict.IsOk)
        {
            Enter(export!);
        }

        return verdict;
    }

    private void Enter(ExportInfo export)
    {
        _step = HandshakeStep.Ended;
        _owner.Entered(export);
    }

    private void Refused(ReadOnlySpan<byte> data)
    {
        if (_option is NbdOption.ExtendedHeaders or NbdOption.StructuredReply or NbdOption.SetMetaContext)
        {
            Declined();
            return;
        }

        // EXPORT_NAME may not follow EXTENDED_HEADERS, and a server that knows those knows GO.
        if (_option == NbdOption.Go && _reply.Type == OptionReplyType.ErrUnsup && Form != ReplyForm.Extended)
        {
            SendExportName(0);
            return;
        }

        string what = _option == NbdOption.List ? "the server does not list its exports" : $"the server refuses {Export()}";
        string remedy = _reply.Type switch
        {
            OptionReplyType.ErrTlsRequired => "; TLS is not built in yet",
            OptionReplyType.ErrUnknown => "; check the export's name",
            _ => string.Empty,
        };
        _abortErrno = ErrnoOf(_reply.Type);
        _abortReason = $"{what}: {_reply.ErrorText(data)}{remedy}";
        Abort();
    }

    private void Abort()
    {
        _option = NbdOption.Abort;
        int bytes = OptionRequest.WriteHeader(_out.Whole.Span, NbdOption.Abort, 0);
        Send(bytes, HandshakeStep.Aborting, OptionReply.HeaderSize);
    }

    /// <summary>ABORT was answered, or the server has gone, which is as good.</summary>
    private void FinishAbort()
    {
        _step = HandshakeStep.Ended;
        if (_isListed)
        {
            _owner.Listed(_listed);
        }
        else
        {
            _owner.Broken(_abortErrno, _abortReason);
        }
    }

    private static int ErrnoOf(OptionReplyType type) => type switch
    {
        OptionReplyType.ErrUnknown => Errno.ENOENT,
        OptionReplyType.ErrPolicy or OptionReplyType.ErrTlsRequired => Errno.EACCES,
        OptionReplyType.ErrShutdown => Errno.ESHUTDOWN,
        OptionReplyType.ErrUnsup or OptionReplyType.ErrPlatform => Errno.EOPNOTSUPP,
        _ => Errno.EPROTO,
    };
}
