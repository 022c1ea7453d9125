using System.Buffers.Binary;

namespace Harness.Nbd;

/// <content>What chunks tell beside data: extents, and what an error has to say.</content>
internal sealed partial class ReadSide
{
    // The longest text and the offset behind it; made when the first error comes.
    private byte[]? _text;
    private int _textFilled;
    private int _textBytes;
    private int _error;

    private void TakeStatus(ReadOnlySpan<byte> head)
    {
        uint id = BinaryPrimitives.ReadUInt32BigEndian(head);
        for (_context = 0; _context < _contexts.Count && _contexts[_context].Id != id; _context++)
        {
        }

        int extents = _left / Chunks.ExtentBytes(_form);
        if (_context == _contexts.Count)
        {
            Refuse($"the metadata context {id}, which was not selected");
        }
        else if ((Progress.ContextsSeen & (1ul << _context)) != 0)
        {
            Refuse($"the metadata context {id} for the second time");
        }
        else if (_form == ReplyForm.Extended && BinaryPrimitives.ReadUInt32BigEndian(head[4..]) != extents)
        {
            Refuse($"another number of extents than fit into it, {extents}");
        }
        else
        {
            Progress.ContextsSeen |= 1ul << _context;
            Go(ReadState.Extents);
        }
    }

    private bool TakeExtents()
    {
        int size = Chunks.ExtentBytes(_form);
        ClientRequest? request = _inFlight.RequestOf(_slot);
        while (_left > 0)
        {
            if (_end - _start < size)
            {
                return false;
            }

            ReadOnlySpan<byte> extent = _buffer.Slice(_start, size).Span;
            _start += size;
            _left -= size;
            bool extended = _form == ReplyForm.Extended;
            ulong length = extended ? BinaryPrimitives.ReadUInt64BigEndian(extent) : BinaryPrimitives.ReadUInt32BigEndian(extent);
            ulong flags = extended ? BinaryPrimitives.ReadUInt64BigEndian(extent[8..]) : BinaryPrimitives.ReadUInt32BigEndian(extent[4..]);
            if (length == 0)
            {
                Refuse("an extent of no bytes");
                return true;
            }

            request?.Chunks?.OnExtent(request, _contexts[_context], length, flags);
        }

        Go(ReadState.ReplyHeader);
        EndChunk();
        return true;
    }

    private void TakeError(ReadOnlySpan<byte> head)
    {
        _error = NbdErrors.FromWire(BinaryPrimitives.ReadUInt32BigEndian(head));

        // An error without a number is one all the same.
        _error = _error == 0 ? (int)NbdError.EINVAL : _error;
        _textBytes = BinaryPrimitives.ReadUInt16BigEndian(head[4..]);
        int behind = _chunk.Type == ChunkType.ErrorOffset ? sizeof(ulong) : 0;
        if (_textBytes > Limits.MaxStringBytes || _textBytes + behind > _left)
        {
            Refuse($"a text of {_textBytes} bytes");
            return;
        }

        _textFilled = 0;
        Go(ReadState.ErrorText);
        TakeErrorText();
    }

    /// <summary>Keeps the text and the offset behind it, and drops what else an error of an unknown kind may carry.</summary>
    private void TakeErrorText()
    {
        _text ??= new byte[Limits.MaxStringBytes + sizeof(ulong)];
        int available = Math.Min(_left, _end - _start);
        int kept = Math.Min(available, _text.Length - _textFilled);
        _buffer.Slice(_start, kept).Span.CopyTo(_text.AsSpan(_textFilled));
        _textFilled += kept;
        _start += available;
        _left -= available;
        if (_left > 0)
        {
            return;
        }

        Progress.Error = Progress.Error == 0 ? _error : Progress.Error;
        if (_inFlight.RequestOf(_slot) is { Chunks: { } chunks } request)
        {
            ulong? offset = _chunk.Type == ChunkType.ErrorOffset ? BinaryPrimitives.ReadUInt64BigEndian(_text.AsSpan(_textBytes)) : null;
            chunks.OnError(request, _error, offset, WireText.Printable(_text.AsSpan(0, _textBytes)));
        }

        Go(ReadState.ReplyHeader);
        EndChunk();
    }
}
