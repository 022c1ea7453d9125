namespace Harness.Nbd;

/// <content>
/// Requests, as they come off the stream: judged by the rules before anything is taken for them, then started one after the other. The
/// payload of a WRITE is handed over where it was received or, where it is large, received into a buffer of its own.
/// </content>
internal sealed partial class ServerConnection
{
    private int _inFlight;
    private long _charged;

    // A WRITE that is being received into a buffer of its own, or whose payload is being thrown away.
    private BlockRequest? _arriving;
    private PooledBuffer? _arrivingBuffer;
    private int _arrived;
    private long _discard;

    // The request before was a WRITE with a payload of its own buffer, and clients that send one such send more.
    private bool _expectsLargeWrite;

    /// <summary>The largest payload that is handed over where it was received.</summary>
    private int InPlaceMax => _home.Chunks.ChunkBytes / 4;

    private void ParseRequests()
    {
        while (_ending == Ending.None && !_stalled && FinishArriving() && TakeRequest())
        {
        }
    }

    /// <summary>Takes one request off the stream. Returns false where it has to wait: for more bytes, or for replies to leave.</summary>
    private bool TakeRequest()
    {
        NbdRequest request;
        WireStatus status = _form == ReplyForm.Extended ? Requests.ParseExtended(Unparsed, out request) : Requests.ParseCompact(Unparsed, out request);
        switch (status)
        {
            case WireStatus.NeedMore:
                _needed = _requestBytes;
                return false;
            case WireStatus.BadMagic:
                Break("closed: what the client sent is not a request (its magic is wrong)");
                return false;
        }

        RequestVerdict verdict = _rules!.Check(request);
        switch (verdict.Action)
        {
            case RequestAction.Serve when request.Command == NbdCommand.Write:
                return TakeWrite(request);
            case RequestAction.Serve when request.Command == NbdCommand.BlockStatus:
                return TakeBlockStatus(request);
            case RequestAction.Serve:
                return TakeServed(request);
            case RequestAction.Succeed:
            case RequestAction.Refuse:
                return TakeRefused(request, verdict);
            case RequestAction.Drop:
                Break($"closed: {_rules.Explain(verdict, request)}");
                return false;
            default:
                _parsed += _requestBytes;
                Finish();
                return false;
        }
    }

    private bool TakeServed(in NbdRequest header)
    {
        if (!Admit(header, header.Command == NbdCommand.Read ? (long)header.Length : 0, out BlockRequest request))
        {
            return false;
        }

        // A simple reply has no chunk for a hole, and with DF there may be one chunk only.
        request.WantsHoles = header.Command == NbdCommand.Read && _form != ReplyForm.Simple && (header.Flags & NbdCommandFlags.Df) == 0;
        _graph!.StartChecked(request);
        return true;
    }

    /// <summary>Answers at once, or when the data that comes with it has been thrown away.</summary>
    private bool TakeRefused(in NbdRequest header, RequestVerdict verdict)
    {
        if (!Admit(header, charge: 0, out BlockRequest request))
        {
            return false;
        }

        request.Fail((int)verdict.Error);
        request.Fault = verdict.Fault;
        _arriving = request;
        _discard = verdict.SkipBytes;
        return true;
    }

    private bool TakeWrite(in NbdRequest header)
    {
        int length = (int)header.Length;
        bool inPlace = length <= InPlaceMax || Available - _requestBytes >= length;
        if (inPlace && Available < _requestBytes + length)
        {
            _needed = _requestBytes + length;
            return false;
        }

        if (!Admit(header, inPlace ? 0 : length, out BlockRequest request))
        {
            return false;
        }

        if (inPlace)
        {
            StartInPlace(request, length);
        }
        else
        {
            Arrive(request, length);
        }

        return true;
    }

    /// <summary>Begins a request where one more may be in flight; elsewhere receiving stops until replies have left.</summary>
    private bool Admit(in NbdRequest header, long charge, out BlockRequest request)
    {
        // A request larger than the budget goes through alone, or it would wait for ever.
        _stalled = _inFlight >= _options.MaxInFlight || (_inFlight > 0 && _charged + charge > _options.MaxBytes);
        if (_stalled)
        {
            request = null!;
            return false;
        }

        _expectsLargeWrite = false;
        request = _home.Blocks.Rent(this);
        request.Command = header.Command;
        request.Flags = header.Flags;
        request.Offset = header.Offset;
        request.ReplyOffset = header.Offset;
        request.Length = header.Length;
        request.Cookie = header.Cookie;
        request.Charge = charge;
        _charged += charge;
        _inFlight++;
        _home.Requests++;
        _parsed += _requestBytes;
        return true;
    }

    private void StartInPlace(BlockRequest request, int length)
    {
        ReceiveChunk chunk = _chunk!;
        request.Payload = chunk.Memory.Slice(_parsed, length);
        request.PayloadLease = chunk;
        chunk.Hold();
        _parsed += length;
        _graph!.StartChecked(request);
    }

    /// <summary>The payload is large and not all here: it gets a buffer of its own, and the rest is received straight into that.</summary>
    private void Arrive(BlockRequest request, int length)
    {
        _expectsLargeWrite = true;
        _needed = _requestBytes;
        _arriving = request;
        _arrivingBuffer = _home.Blocks.Buffers.Rent(length);
        _arrived = Math.Min(Available, length);
        Unparsed[.._arrived].CopyTo(_arrivingBuffer.Slice.Span);
        _home.Loop.Tally.BytesCopied += _arrived;
        _parsed += _arrived;
    }

    /// <summary>Goes on with a payload that arrives in pieces. Returns false where more of it has to come.</summary>
    private bool FinishArriving()
    {
        if (_arriving is not { } request)
        {
            return true;
        }

        if (_arrivingBuffer is { } buffer)
        {
            if (_arrived < buffer.Slice.Length)
            {
                return false;
            }

            _arriving = null;
            _arrivingBuffer = null;
            request.Payload = buffer.Slice;
            request.PayloadLease = buffer;
            _graph!.StartChecked(request);
            return true;
        }

        int dropped = (int)Math.Min(_discard, Available);
        _parsed += dropped;
        _discard -= dropped;
        if (_discard > 0)
        {
            _needed = 1;
            return false;
        }

        _arriving = null;
        OnRequestCompleted(request);
        return true;
    }

    /// <summary>The connection ends in the middle of a request: it was never started, so it just goes away.</summary>
    private void DropArriving()
    {
        if (_arriving is { } request)
        {
            _arriving = null;
            _arrivingBuffer?.Release();
            _arrivingBuffer = null;
            Release(request);
        }
    }
}
