namespace Harness.Nbd;

/// <summary>
/// What the server says to an option, as one run of bytes: all replies that belong to it, in order. Each answer is valid until the next is written. One for
/// each loop, so that a handshake leaves no garbage behind: thousands of clients that come at once would grow the heap by it.
/// </summary>
internal sealed class OptionAnswers
{
    private byte[] _bytes = new byte[2 * OptionReplies.MaxWrittenBytes];
    private int _length;

    private ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public ReadOnlySpan<byte> Ack(NbdOption option)
    {
        _length = 0;
        _length += OptionReplies.WriteAck(Room(), option);
        return Written;
    }

    public ReadOnlySpan<byte> Error(NbdOption option, OptionReplyType type, string reason)
    {
        _length = 0;
        _length += OptionReplies.WriteError(Room(), option, type, reason);
        return Written;
    }

    /// <summary>One SERVER per export, then ACK.</summary>
    public ReadOnlySpan<byte> List(IReadOnlyList<NbdExport> exports)
    {
        _length = 0;
        foreach (NbdExport export in exports)
        {
            _length += OptionReplies.WriteServer(Room(), export.Name, export.Description);
        }

        _length += OptionReplies.WriteAck(Room(), NbdOption.List);
        return Written;
    }

    /// <summary>The facts that were asked for, EXPORT always and last, then ACK.</summary>
    public ReadOnlySpan<byte> Info(NbdOption option, NbdExport export, InfoTypes wanted, ReplyForm form)
    {
        BlockGraph graph = export.Graph;
        _length = 0;
        if ((wanted & InfoTypes.Name) != 0)
        {
            _length += OptionReplies.WriteNameInfo(Room(), option, export.Name);
        }

        if ((wanted & InfoTypes.Description) != 0 && export.Description.Length > 0)
        {
            _length += OptionReplies.WriteDescriptionInfo(Room(), option, export.Description);
        }

        // Told whether asked for or not: a client that did not ask may still heed it.
        _length += OptionReplies.WriteBlockSizeInfo(Room(), option, graph.Constraints);
        _length += OptionReplies.WriteExportInfo(Room(), option, graph.Size, form.Announce(graph.TransmissionFlags));
        _length += OptionReplies.WriteAck(Room(), option);
        return Written;
    }

    /// <summary>The answer to EXPORT_NAME, which has no framing.</summary>
    public ReadOnlySpan<byte> ExportName(NbdExport export, bool noZeroes, ReplyForm form)
    {
        _length = ExportNameReply.Write(_bytes, export.Graph.Size, form.Announce(export.Graph.TransmissionFlags), noZeroes);
        return Written;
    }

    /// <summary>The one metadata context that there is, or none, then ACK.</summary>
    /// <param name="option">LIST_META_CONTEXT or SET_META_CONTEXT.</param>
    /// <param name="id">What BLOCK_STATUS chunks will call it, 0 in a list; null for none.</param>
    public ReadOnlySpan<byte> MetaContexts(NbdOption option, uint? id)
    {
        _length = 0;
        if (id is { } number)
        {
            _length += OptionReplies.WriteMetaContext(Room(), option, new MetaContext(number, MetaContext.Allocation));
        }

        _length += OptionReplies.WriteAck(Room(), option);
        return Written;
    }

    /// <summary>Where the next reply goes, with room for the longest.</summary>
    private Span<byte> Room()
    {
        if (_bytes.Length - _length < OptionReplies.MaxWrittenBytes)
        {
            Array.Resize(ref _bytes, _bytes.Length * 2);
        }

        return _bytes.AsSpan(_length);
    }
}
