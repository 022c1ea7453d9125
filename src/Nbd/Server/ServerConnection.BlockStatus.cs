namespace Harness.Nbd;

/// <content>
/// BLOCK_STATUS with <c>base:allocation</c>: a request like others, whose answer is a list of extents.
/// </content>
internal sealed partial class ServerConnection
{
    private bool TakeBlockStatus(NbdRequest header)
    {
        if (header.PayloadBytes == 0)
        {
            return StartBlockStatus(header, payloadBytes: 0);
        }

        int whole = _requestBytes + BlockStatusPayload.Size;
        if (Available < whole)
        {
            _needed = whole;
            return false;
        }

        RequestVerdict verdict = _rules!.CheckStatusPayload(ref header, Unparsed[_requestBytes..whole]);
        if (verdict.IsServed)
        {
            return StartBlockStatus(header, BlockStatusPayload.Size);
        }

        bool taken = TakeRefused(header, verdict);
        _parsed += taken ? BlockStatusPayload.Size : 0;
        return taken;
    }

    private bool StartBlockStatus(in NbdRequest header, int payloadBytes)
    {
        int most = (header.Flags & NbdCommandFlags.ReqOne) != 0 ? 1 : BlockRequest.MaxStatusExtents;
        if (!Admit(header, charge: most * Chunks.ExtentBytes(_form), out BlockRequest request))
        {
            return false;
        }

        _parsed += payloadBytes;
        _graph!.StartChecked(request);
        return true;
    }

    /// <summary>
    /// Writes the extents of an answer as the wire has them, for the send to take from there. None is longer than the request, so 32 bits are enough wherever
    /// the request had 32.
    /// </summary>
    private void WriteStatus(BlockRequest request)
    {
        ReadOnlySpan<BlockExtent> status = request.Status;
        PooledBuffer buffer = _home.Blocks.Buffers.Rent(status.Length * Chunks.ExtentBytes(_form));
        Span<byte> into = buffer.Slice.Span;
        foreach (BlockExtent extent in status)
        {
            into = into[Chunks.WriteExtent(into, _form, extent.Length, (AllocationFlags)(uint)extent.State)..];
        }

        request.ReleaseStatus();
        request.AddData(buffer.Slice, buffer);
    }
}
