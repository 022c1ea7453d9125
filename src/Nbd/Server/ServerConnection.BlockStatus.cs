using Harness.Io;

namespace Harness.Nbd;

/// <content>
/// BLOCK_STATUS with <c>base:allocation</c>: the extents of a range, equal neighbours as one, written into memory as the wire has them and sent from there.
/// </content>
internal sealed partial class ServerConnection
{
    // More would hold up the loop for one client; it asks again behind the last one.
    private const int MaxExtents = 4096;

    private bool TakeBlockStatus(NbdRequest header)
    {
        if (header.PayloadBytes == 0)
        {
            return AnswerBlockStatus(header, payloadBytes: 0);
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
            return AnswerBlockStatus(header, BlockStatusPayload.Size);
        }

        bool taken = TakeRefused(header, verdict);
        _parsed += taken ? BlockStatusPayload.Size : 0;
        return taken;
    }

    private bool AnswerBlockStatus(in NbdRequest header, int payloadBytes)
    {
        int most = (header.Flags & NbdCommandFlags.ReqOne) != 0 ? 1 : MaxExtents;
        int room = most * Chunks.ExtentBytes(_form);
        if (!Admit(header, charge: room, out BlockRequest request))
        {
            return false;
        }

        _parsed += payloadBytes;
        PooledBuffer extents = _home.Blocks.Buffers.Rent(room);
        int bytes = WriteExtents(extents.Slice.Span, header.Offset, header.Length, most);
        extents.Slice = extents.Slice.Slice(0, bytes);
        request.AddData(extents.Slice, extents);
        OnRequestCompleted(request);
        return true;
    }

    /// <summary>
    /// Writes the extents of a range, from its beginning on, as many as are allowed; returns their bytes. None reaches beyond the range, so that none is longer
    /// than the request, and 32 bits are enough wherever the request had 32.
    /// </summary>
    private int WriteExtents(Span<byte> into, ulong offset, ulong length, int most)
    {
        int bytes = 0;
        ulong end = offset + length;
        (ulong Length, AllocationFlags Flags) next = ExtentAt(offset, length);
        while (next.Length > 0 && most-- > 0)
        {
            (ulong Length, AllocationFlags Flags) extent = next;
            for (offset += extent.Length; ; offset += next.Length, extent.Length += next.Length)
            {
                next = offset < end ? ExtentAt(offset, end - offset) : default;
                if (next.Length == 0 || next.Flags != extent.Flags)
                {
                    break;
                }
            }

            bytes += Chunks.WriteExtent(into[bytes..], _form, extent.Length, extent.Flags);
        }

        return bytes;
    }

    /// <summary>What is known of the first bytes of a range.</summary>
    /// <param name="offset">First byte, inside the export.</param>
    /// <param name="length">Bytes, 1 or more.</param>
    private (ulong Length, AllocationFlags Flags) ExtentAt(ulong offset, ulong length)
    {
        BlockExtent extent = _graph!.ExtentAt(offset, length);
        return (extent.Length, (AllocationFlags)(uint)extent.State);
    }
}
