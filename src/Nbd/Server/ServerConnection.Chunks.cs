namespace Harness.Nbd;

/// <content>
/// Replies in chunks, for clients that negotiated structured replies or extended headers. The data is sent from where it lies, as in a
/// simple reply, and several replies leave in one send; only headers are written. All of an answer is in memory before its first chunk leaves, so the
/// last content chunk ends it.
/// </content>
internal sealed partial class ServerConnection
{
    // Of the READ whose chunks are being placed: where in the request the next chunk begins.
    private ulong _chunkOffset;

    /// <summary>Puts what is left of a reply into the vector. Returns false where the vector or the headers are full before the reply's end.</summary>
    private bool PlaceChunks(SendFrame frame, BlockRequest request)
    {
        if (request.Error != 0)
        {
            return PlaceError(frame, request);
        }

        if (request.Command == NbdCommand.BlockStatus)
        {
            return PlaceStatus(frame, request);
        }

        if (request.Command == NbdCommand.Read && request.Extents.Length > 0)
        {
            bool inOnePiece = (request.Flags & NbdCommandFlags.Df) != 0 && request.Extents.Length > 1;
            return inOnePiece ? PlaceOnePiece(frame, request) : PlacePieces(frame, request);
        }

        // Nothing to send but that it is done: where both are allowed, a simple reply is the shorter one. A READ is always answered in chunks.
        return request.Command == NbdCommand.Read || _form == ReplyForm.Extended ? PlaceNone(frame, request) : PlaceSimpleHeader(frame, request);
    }

    private Chunks ChunksOf(BlockRequest request) => new(_form, request.Cookie, request.ReplyOffset);

    /// <summary>DF: the answer may have one content chunk only, so its holes are sent as zeroes.</summary>
    private bool PlaceOnePiece(SendFrame frame, BlockRequest request) =>
        PlaceDataHead(frame, request, request.Length, ChunkFlags.Done) && PlaceExtents(frame, request.Extents);

    /// <summary>A chunk for each extent: data, or a hole.</summary>
    private bool PlacePieces(SendFrame frame, BlockRequest request)
    {
        ReadOnlySpan<ReadExtent> extents = request.Extents;
        for (; _extentIndex < extents.Length; _extentIndex++, _extentPlaced = 0)
        {
            ref readonly ReadExtent extent = ref extents[_extentIndex];
            if (extent.Length == 0)
            {
                continue;
            }

            ChunkFlags flags = _chunkOffset + extent.Length == request.Length ? ChunkFlags.Done : ChunkFlags.None;
            bool placed = extent.IsHole
                ? PlaceHole(frame, request, extent.Length, flags)
                : PlaceDataHead(frame, request, extent.Length, flags) && PlaceBytes(frame, in extent);
            if (!placed)
            {
                return false;
            }

            _chunkOffset += extent.Length;
            _headerPlaced = false;
        }

        return true;
    }

    private bool PlaceDataHead(SendFrame frame, BlockRequest request, ulong length, ChunkFlags flags)
    {
        if (!_headerPlaced)
        {
            if (!HasHeaderRoom(frame, Chunks.MaxWrittenBytes))
            {
                return false;
            }

            Span<byte> into = frame.Headers(_headerEnd, Chunks.MaxWrittenBytes).Span;
            ChunkPlaced(ChunksOf(request).WriteData(into, flags, request.Offset + _chunkOffset, length), begins: _chunkOffset == 0);
        }

        return true;
    }

    private bool PlaceHole(SendFrame frame, BlockRequest request, ulong length, ChunkFlags flags)
    {
        if (!HasHeaderRoom(frame, Chunks.MaxWrittenBytes))
        {
            return false;
        }

        // A READ is at most 32 MiB long.
        Span<byte> into = frame.Headers(_headerEnd, Chunks.MaxWrittenBytes).Span;
        ChunkPlaced(ChunksOf(request).WriteHole(into, flags, request.Offset + _chunkOffset, (uint)length), begins: _chunkOffset == 0);
        return true;
    }

    private bool PlaceNone(SendFrame frame, BlockRequest request)
    {
        if (!HasHeaderRoom(frame, Chunks.MaxWrittenBytes))
        {
            return false;
        }

        ChunkPlaced(ChunksOf(request).WriteNone(frame.Headers(_headerEnd, Chunks.MaxWrittenBytes).Span), begins: true);
        return true;
    }

    /// <summary>The extents of a BLOCK_STATUS stand in memory as the wire has them.</summary>
    private bool PlaceStatus(SendFrame frame, BlockRequest request)
    {
        if (!_headerPlaced)
        {
            if (!HasHeaderRoom(frame, Chunks.MaxWrittenBytes))
            {
                return false;
            }

            int extents = (int)request.Extents[0].Length / Chunks.ExtentBytes(_form);
            Span<byte> into = frame.Headers(_headerEnd, Chunks.MaxWrittenBytes).Span;
            ChunkPlaced(ChunksOf(request).WriteStatus(into, MetaContext.AllocationId, extents), begins: true);
        }

        return PlaceExtents(frame, request.Extents);
    }

    private bool PlaceError(SendFrame frame, BlockRequest request)
    {
        if (!HasHeaderRoom(frame, Chunks.MaxWrittenBytes))
        {
            return false;
        }

        Span<byte> into = frame.Headers(_headerEnd, Chunks.MaxWrittenBytes).Span;
        NbdError error = NbdErrors.ToWire(request.Error);
        ChunkPlaced(ChunksOf(request).WriteError(into, error, ErrorText(request), ErrorPlace(request)), begins: true);
        return true;
    }

    /// <summary>For the client's people: which rule it broke, or the true errno, for which the wire may have no number.</summary>
    private string ErrorText(BlockRequest request)
    {
        if (request.Fault == RequestFault.None)
        {
            return ErrnoText.Of(request.Error);
        }

        bool extended = _form == ReplyForm.Extended;
        var header = new NbdRequest(request.Flags, request.Command, request.Cookie, request.Offset, request.Length) { IsExtended = extended };
        return _rules!.Explain(new RequestVerdict(RequestAction.Refuse, request.Fault, (NbdError)request.Error, 0), in header);
    }

    /// <summary>Where a READ went wrong, within its range; null where that is not known.</summary>
    private ulong? ErrorPlace(BlockRequest request)
    {
        // Clients check the place against the request's end (libnbd 1.14 hangs up), which a range that wraps does not have.
        if (request.Command != NbdCommand.Read || request.Length == 0 || request.Offset > ulong.MaxValue - request.Length)
        {
            return null;
        }

        ulong at = request.Fault == RequestFault.OutOfRange ? _rules!.ExportSize : request.ErrorOffset;
        return at >= request.Offset && at - request.Offset < request.Length ? at : null;
    }

    private void ChunkPlaced(int bytes, bool begins)
    {
        HeaderPlaced(bytes);
        _repliesBegun += begins ? 1 : 0;
    }
}
