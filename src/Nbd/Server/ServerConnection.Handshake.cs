using Harness.Io;

namespace Harness.Nbd;

/// <content>
/// The handshake: fixed newstyle, in lock-step. Every option is answered after its bytes have been consumed; one that is not known is
/// answered ERR_UNSUP. The export is opened only when a client enters it.
/// </content>
internal sealed partial class ServerConnection
{
    private const HandshakeFlags Offered = HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes;

    private Phase _phase;
    private AfterAnswer _afterAnswer;
    private ClientFlags _clientFlags;
    private OptionRequest _option;
    private ParseVerdict _optionVerdict;
    private int _optionCount;
    private BlockGraph? _graph;

    // An answer is being sent; nothing else happens until it is out.
    private bool _answering;
    private PooledBuffer? _answer;

    /// <summary>What is expected from the client.</summary>
    private enum Phase
    {
        /// <summary>Its flags, in answer to the greeting.</summary>
        ClientFlags,

        /// <summary>The header of an option.</summary>
        Option,

        /// <summary>The data of an option that is read.</summary>
        OptionData,

        /// <summary>The data of an option that is thrown away.</summary>
        OptionSkip,

        /// <summary>Requests.</summary>
        Transmission,
    }

    /// <summary>What happens once the answer is out.</summary>
    private enum AfterAnswer
    {
        Listen,
        Transmit,
        Close,
    }

    private void Greet()
    {
        Span<byte> bytes = stackalloc byte[Greeting.Size];
        Greeting.Write(bytes, Offered);
        Answer(bytes, AfterAnswer.Listen);
    }

    private void ParseHandshake()
    {
        while (_ending == Ending.None && !_answering && _phase != Phase.Transmission && HandshakeStep())
        {
        }
    }

    /// <summary>Returns false where more bytes have to come, or where there is nothing more to do.</summary>
    private bool HandshakeStep() => _phase switch
    {
        Phase.ClientFlags => TakeClientFlags(),
        Phase.Option => TakeOption(),
        Phase.OptionData => TakeOptionData(),
        _ => SkipOptionData(),
    };

    private bool TakeClientFlags()
    {
        if (!Proceed(Greeting.ParseAnswer(Unparsed, Offered, out _clientFlags), Greeting.AnswerSize))
        {
            return false;
        }

        _parsed += Greeting.AnswerSize;
        _phase = Phase.Option;
        return true;
    }

    private bool TakeOption()
    {
        if (!Proceed(OptionRequest.Parse(Unparsed, _optionCount, out _option), OptionRequest.HeaderSize))
        {
            return false;
        }

        _parsed += OptionRequest.HeaderSize;
        _optionCount++;
        _optionVerdict = _option.CheckForm((_clientFlags & ClientFlags.FixedNewstyle) != 0);
        if (_optionVerdict.Status == ParseStatus.Drop)
        {
            Break($"closed: {_optionVerdict.Reason}");
            return false;
        }

        // The longest option that means something fits into a chunk; what is longer is wrong, and is only consumed.
        bool hasMeaning = _option.Option is NbdOption.ExportName or NbdOption.Info or NbdOption.Go || IsAboutContexts;
        bool isRead = _optionVerdict.IsOk && hasMeaning && _option.Length <= _home.Chunks.ChunkBytes;
        _phase = isRead ? Phase.OptionData : Phase.OptionSkip;
        _discard = _option.Length;
        return true;
    }

    private bool TakeOptionData()
    {
        if (Available < _option.Length)
        {
            _needed = _option.Length;
            return false;
        }

        ReadOnlySpan<byte> data = Unparsed[.._option.Length];
        _parsed += _option.Length;
        _phase = Phase.Option;
        AnswerOption(data);
        return true;
    }

    private void AnswerOption(ReadOnlySpan<byte> data)
    {
        switch (_option.Option)
        {
            case NbdOption.ExportName:
                AnswerExportName(data);
                break;
            case NbdOption.Info:
            case NbdOption.Go:
                AnswerInfo(data);
                break;
            default:
                AnswerMetaContext(data);
                break;
        }
    }

    private bool SkipOptionData()
    {
        int skipped = (int)Math.Min(_discard, Available);
        _parsed += skipped;
        _discard -= skipped;
        if (_discard > 0)
        {
            _needed = 1;
            return false;
        }

        _phase = Phase.Option;
        AnswerPlainOption();
        return true;
    }

    private bool Proceed(ParseVerdict verdict, int needed)
    {
        if (verdict.Status == ParseStatus.Drop)
        {
            Break($"closed: {verdict.Reason}");
        }

        _needed = needed;
        return verdict.IsOk;
    }

    private void AnswerPlainOption()
    {
        if (!_optionVerdict.IsOk)
        {
            AnswerError(_optionVerdict.Reply, _optionVerdict.Reason);
            return;
        }

        switch (_option.Option)
        {
            case NbdOption.Abort:
                Answer(_home.Answers.Ack(_option.Option), AfterAnswer.Close);
                break;
            case NbdOption.List:
                Answer(_home.Answers.List(_server.Exports), AfterAnswer.Listen);
                break;
            case NbdOption.StructuredReply when _options.Replies >= ReplyForm.Structured:
                AnswerStructuredReply();
                break;
            case NbdOption.ExtendedHeaders when _options.Replies >= ReplyForm.Extended:
                AnswerExtendedHeaders();
                break;
            case NbdOption.Info:
            case NbdOption.Go:
            case var _ when IsAboutContexts:
                _contextExport = null;
                AnswerError(OptionReplyType.ErrTooBig, $"{_option.Length} bytes of data are more than the option can mean");
                break;
            default:
                AnswerError(OptionReplyType.ErrUnsup, $"this server does not know option {(uint)_option.Option}");
                break;
        }
    }

    private void AnswerExportName(ReadOnlySpan<byte> data)
    {
        // EXPORT_NAME has no error reply: what cannot be served ends the connection.
        if (_form == ReplyForm.Extended)
        {
            Break("closed: the client sent EXPORT_NAME after EXTENDED_HEADERS, which only GO may follow");
        }
        else if (!ExportName.TryDecode(data, out string name, out string error))
        {
            Break($"closed: {error}");
        }
        else if (TryFind(name, data, out NbdExport? export))
        {
            EnterWhenFree(export, default);
        }
    }

    private void AnswerInfo(ReadOnlySpan<byte> data)
    {
        ParseVerdict verdict = InfoRequest.Parse(data, out InfoRequest request);
        if (!verdict.IsOk)
        {
            AnswerError(verdict.Reply, verdict.Reason);
            return;
        }

        if (!TryFind(request.Name, data, out NbdExport? export))
        {
            return;
        }

        if (_option.Option == NbdOption.Go)
        {
            EnterWhenFree(export, request.Wanted);
        }
        else
        {
            Answer(_home.Answers.Info(_option.Option, export, request.Wanted, _form), AfterAnswer.Listen);
        }
    }

    private void AnswerError(OptionReplyType type, string reason) => Answer(_home.Answers.Error(_option.Option, type, reason), AfterAnswer.Listen);

    private void Answer(ReadOnlySpan<byte> bytes, AfterAnswer after)
    {
        _answer = _home.Blocks.Buffers.Rent(bytes.Length);
        bytes.CopyTo(_answer.Slice.Span);
        _answering = true;
        _afterAnswer = after;
        _frame = _home.Frames.Rent();
        _frame.Vector.Add(_answer.Slice);
        _transport.Send(_send, _frame.Vector);
    }

    private void OnAnswerSent()
    {
        FreeAnswer();
        _answering = false;
        switch (_afterAnswer)
        {
            case AfterAnswer.Close:
                Break(reason: null);
                return;
            case AfterAnswer.Transmit:
                Transmit();
                break;
        }

        Parse();
        AtTurnEnd();
    }

    private void Transmit()
    {
        _transport.Loop.StopTimer(_handshakeTimer);
        if (_chunk is not null && !_receive.IsPending)
        {
            ReturnChunkAfterHandshake();
        }

        _phase = Phase.Transmission;
        _needed = _requestBytes;
    }

    private void FreeAnswer()
    {
        _answer?.Release();
        _answer = null;
    }
}
