namespace Harness.Nbd;

/// <content>
/// What is asked for before the export is entered. The richest form first; a server that declines one, for whatever reason, is asked for
/// the next, and in the end there are simple replies, which every server has.
/// </content>
internal sealed partial class ClientHandshake
{
    private readonly List<MetaContext> _contexts = [];
    private ReplyForm _asks;
    private bool _contextsAsked;

    /// <summary>What the server has granted.</summary>
    public ReplyForm Form { get; private set; }

    /// <summary>The metadata contexts that it has selected.</summary>
    public IReadOnlyList<MetaContext> Contexts => _contexts;

    /// <summary>Sends the next option, behind what stands in the output already.</summary>
    private void SendNext(int at)
    {
        if (Form < _asks)
        {
            NbdOption option = _asks == ReplyForm.Extended ? NbdOption.ExtendedHeaders : NbdOption.StructuredReply;
            SendOption(option, at + OptionRequest.WriteHeader(_out.Whole.Span[at..], option, 0));
        }
        else if (Form != ReplyForm.Simple && !_contextsAsked && _options.MetaContexts.Count > 0)
        {
            _contextsAsked = true;
            Span<byte> into = _out.Whole.Span[at..];
            SendOption(NbdOption.SetMetaContext, at + MetaContextRequest.Write(into, NbdOption.SetMetaContext, _options.ExportName, _options.MetaContexts));
        }
        else
        {
            SendGo(at);
        }
    }

    private void Granted()
    {
        if (_option != NbdOption.SetMetaContext)
        {
            Form = _asks;
        }

        SendNext(0);
    }

    private void Declined()
    {
        if (_option == NbdOption.SetMetaContext)
        {
            // What was named before the error does not hold: a set that fails selects nothing.
            _contexts.Clear();
        }
        else
        {
            _asks--;
        }

        SendNext(0);
    }

    private ParseVerdict TakeContext(ReadOnlySpan<byte> data)
    {
        ParseVerdict verdict = MetaContext.Parse(data, out MetaContext context);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        if (_contexts.Exists(other => other.Id == context.Id) || _contexts.Count == NbdClient.MaxMetaContexts)
        {
            return ParseVerdict.Drop($"the server gave two metadata contexts the number {context.Id}, or more than {NbdClient.MaxMetaContexts} of them");
        }

        _contexts.Add(context);
        return ParseVerdict.Ok;
    }
}
