using Harness.Io;

namespace Harness.Nbd;

/// <content>
/// The sending side. Replies that become ready in one turn of the loop leave in one vectored send, data from where it lies; one send is in
/// flight at a time, because two would interleave. A request stays in flight, with its leases, until the last byte of its reply has been sent.
/// </content>
internal sealed partial class ServerConnection
{
    // Lent while a send is in flight.
    private SendFrame? _frame;
    private int _headerEnd;
    private int _headersFlushed;
    private int _repliesBegun;

    // Replies not yet in a vector, oldest first; of the first, how much is.
    private BlockRequest? _queueHead;
    private BlockRequest? _queueTail;
    private bool _headerPlaced;
    private int _extentIndex;
    private ulong _extentPlaced;

    // Replies wholly in the vector, oldest first, with their ends in the stream of bytes.
    private BlockRequest? _sendingHead;
    private BlockRequest? _sendingTail;
    private long _placedBytes;
    private long _sentBytes;

    /// <inheritdoc/>
    public void OnRequestCompleted(BlockRequest request)
    {
        request.PayloadLease?.Release();
        request.PayloadLease = null;
        if (request.Error != 0 && request.WasStarted)
        {
            _server.Log.Line($"{_transport.Peer}: {request.Text()} failed: {ErrnoText.Of(request.Error)}");
        }

        if (_ending >= Ending.Closing)
        {
            Release(request);
            AtTurnEnd();
            return;
        }

        if (request.Command == NbdCommand.BlockStatus && request.Error == 0)
        {
            WriteStatus(request);
        }

        if (_queueTail is null)
        {
            _queueHead = _queueTail = request;
        }
        else
        {
            _queueTail.Next = request;
            _queueTail = request;
        }

        AtTurnEnd();
    }

    private void SendReplies()
    {
        if (_queueHead is null || _send.IsPending || _answering || _ending >= Ending.Closing)
        {
            return;
        }

        SendFrame frame = _home.Frames.Rent();
        _frame = frame;
        _headerEnd = 0;
        _headersFlushed = 0;
        _repliesBegun = 0;
        while (_queueHead is { } request && PlaceReply(frame, request))
        {
            MoveToSending(request);
        }

        FlushHeaders(frame);
        _home.Loop.Tally.MessagesPerSend.Add(_repliesBegun);
        _transport.Send(_send, frame.Vector);
    }

    /// <summary>Puts what is left of a reply into the vector. Returns false where the vector is full before the reply's end.</summary>
    private bool PlaceReply(SendFrame frame, BlockRequest request)
    {
        if (_form != ReplyForm.Simple)
        {
            return PlaceChunks(frame, request);
        }

        // An error carries no data, whatever the block had found before it.
        return PlaceSimpleHeader(frame, request) && (request.Error != 0 || PlaceExtents(frame, request.Extents));
    }

    private bool PlaceSimpleHeader(SendFrame frame, BlockRequest request)
    {
        if (!_headerPlaced)
        {
            if (!HasHeaderRoom(frame, Replies.SimpleSize))
            {
                return false;
            }

            Replies.WriteSimple(frame.Headers(_headerEnd, Replies.SimpleSize).Span, NbdErrors.ToWire(request.Error), request.Cookie);
            HeaderPlaced(Replies.SimpleSize);
            _repliesBegun++;
        }

        return true;
    }

    /// <summary>Headers that follow one another become one run, whose place must still be free.</summary>
    private bool HasHeaderRoom(SendFrame frame, int bytes)
    {
        bool runOpen = _headerEnd > _headersFlushed;
        return SendFrame.HeaderBytes - _headerEnd >= bytes && (runOpen || frame.Vector.Room > 0);
    }

    private void HeaderPlaced(int bytes)
    {
        _headerEnd += bytes;
        _headerPlaced = true;
        _placedBytes += bytes;
    }

    private bool PlaceExtents(SendFrame frame, ReadOnlySpan<ReadExtent> extents)
    {
        for (; _extentIndex < extents.Length; _extentIndex++, _extentPlaced = 0)
        {
            if (!PlaceBytes(frame, in extents[_extentIndex]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Puts what is left of an extent into the vector, zeroes for a hole.</summary>
    private bool PlaceBytes(SendFrame frame, in ReadExtent extent)
    {
        while (_extentPlaced < extent.Length)
        {
            FlushHeaders(frame);
            if (frame.Vector.Room == 0)
            {
                return false;
            }

            NativeSlice run = extent.IsHole ? ZeroArea.Take((int)Math.Min(extent.Length - _extentPlaced, ZeroArea.Length)) : extent.Data;
            frame.Vector.Add(run);
            _extentPlaced += (ulong)run.Length;
            _placedBytes += run.Length;
        }

        return true;
    }

    private void FlushHeaders(SendFrame frame)
    {
        if (_headerEnd > _headersFlushed)
        {
            frame.Vector.Add(frame.Headers(_headersFlushed, _headerEnd - _headersFlushed));
            _headersFlushed = _headerEnd;
        }
    }

    private void MoveToSending(BlockRequest request)
    {
        _queueHead = request.Next;
        _queueTail = _queueHead is null ? null : _queueTail;
        _headerPlaced = false;
        _extentIndex = 0;
        _extentPlaced = 0;
        _chunkOffset = 0;
        request.Next = null;
        request.ReplyEnd = _placedBytes;
        if (_sendingTail is null)
        {
            _sendingHead = _sendingTail = request;
        }
        else
        {
            _sendingTail.Next = request;
            _sendingTail = request;
        }
    }

    private void OnSent(int result)
    {
        if (result < 0 || _ending >= Ending.Closing)
        {
            OnSendFailed(result);
            return;
        }

        _home.BytesOut += result;
        SendVector vector = _frame!.Vector;
        vector.Advance(result);
        if (!vector.IsEmpty)
        {
            CountRestOfReplies();
            _transport.Send(_send, vector);
        }
        else
        {
            ReturnFrame();
        }

        if (!_answering)
        {
            _sentBytes += result;
            ReleaseSent();
            AtTurnEnd();
        }
        else if (_frame is null)
        {
            OnAnswerSent();
        }
    }

    // A send of what an earlier one had left begins no reply.
    private void CountRestOfReplies()
    {
        if (!_answering)
        {
            _home.Loop.Tally.MessagesPerSend.Add(0);
        }
    }

    private void OnSendFailed(int result)
    {
        if (_ending < Ending.Closing)
        {
            Break($"sending failed: {ErrnoText.Of(result)}{(_inFlight > 0 ? $"; {_inFlight} requests were in flight" : string.Empty)}");
        }

        // The kernel has let go of the memory; now the leases may be.
        ReturnFrame();
        DropQueuedReplies();
        TryEnd();
    }

    private void ReleaseSent()
    {
        while (_sendingHead is { } request && request.ReplyEnd <= _sentBytes)
        {
            _sendingHead = request.Next;
            request.Next = null;
            Release(request);
        }

        if (_sendingHead is null)
        {
            _sendingTail = null;
        }
    }

    private void Release(BlockRequest request)
    {
        _inFlight--;
        _charged -= request.Charge;
        request.Release();
    }

    /// <summary>The stream is closing: replies are dropped. What a send in flight still reads is kept until that send has completed.</summary>
    private void DropQueuedReplies()
    {
        if (_send.IsPending)
        {
            return;
        }

        DropList(ref _sendingHead, ref _sendingTail);
        DropList(ref _queueHead, ref _queueTail);
    }

    private void DropList(ref BlockRequest? head, ref BlockRequest? tail)
    {
        while (head is { } request)
        {
            head = request.Next;
            request.Next = null;
            Release(request);
        }

        tail = null;
    }

    private void ReturnFrame()
    {
        if (_frame is { } frame)
        {
            _frame = null;
            _home.Frames.Return(frame);
        }
    }

    private void FreeSending()
    {
        ReturnFrame();
        FreeAnswer();
    }
}
