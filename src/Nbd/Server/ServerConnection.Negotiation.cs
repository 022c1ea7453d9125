namespace Harness.Nbd;

/// <content>
/// What a client may negotiate before it enters an export: structured replies, extended headers, metadata contexts. It holds for the export
/// that is entered in the end: contexts that were selected for another one, or before the form of the replies changed, are selected no more.
/// </content>
internal sealed partial class ServerConnection
{
    private ReplyForm _form;
    private int _requestBytes = Requests.CompactSize;
    private RequestRules? _rules;

    // The export for which base:allocation is selected, or null.
    private NbdExport? _contextExport;

    private bool IsAboutContexts =>
        _option.Option is NbdOption.ListMetaContext or NbdOption.SetMetaContext && _options.Replies >= ReplyForm.Structured;

    private void AnswerStructuredReply()
    {
        switch (_form)
        {
            case ReplyForm.Simple:
                Agree(ReplyForm.Structured);
                break;
            case ReplyForm.Structured:
                AnswerError(OptionReplyType.ErrInvalid, "structured replies have been negotiated already");
                break;
            default:
                AnswerError(OptionReplyType.ErrExtendedHeadersRequired, "extended headers have been negotiated, and take the place of structured replies");
                break;
        }
    }

    private void AnswerExtendedHeaders()
    {
        if (_form == ReplyForm.Extended)
        {
            AnswerError(OptionReplyType.ErrInvalid, "extended headers have been negotiated already");
        }
        else
        {
            Agree(ReplyForm.Extended);
        }
    }

    private void Agree(ReplyForm form)
    {
        _form = form;
        _requestBytes = form.RequestBytes();
        _contextExport = null;
        Answer(_home.Answers.Ack(_option.Option), AfterAnswer.Listen);
    }

    private void AnswerMetaContext(ReadOnlySpan<byte> data)
    {
        bool sets = _option.Option == NbdOption.SetMetaContext;
        if (sets)
        {
            // Whatever becomes of it: the set before it is gone.
            _contextExport = null;
        }

        ParseVerdict verdict = MetaContextRequest.Parse(data, out MetaContextRequest request);
        if (_form == ReplyForm.Simple)
        {
            AnswerError(OptionReplyType.ErrInvalid, "metadata contexts need structured replies or extended headers, which were not negotiated");
        }
        else if (!verdict.IsOk)
        {
            AnswerError(verdict.Reply, verdict.Reason);
        }
        else if (!TryFind(request.Name, data, out NbdExport? export))
        {
            // It has been answered, or will be.
        }
        else if (sets)
        {
            _contextExport = request.NamesAllocation ? export : null;
            Answer(_home.Answers.MetaContexts(_option.Option, request.NamesAllocation ? MetaContext.AllocationId : null), AfterAnswer.Listen);
        }
        else
        {
            Answer(_home.Answers.MetaContexts(_option.Option, request.ListsAllocation ? 0 : null), AfterAnswer.Listen);
        }
    }

    /// <summary>The client enters an export: what it may ask follows from what was negotiated.</summary>
    private void AgreeOnRules(NbdExport export) => _rules = export.Graph.Rules.For(_form, hasMetaContext: _contextExport == export);
}
