using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>
/// The receiving side. One receive brings many requests; they are parsed where they lie and started one after the other. It stops receiving, rather than queue,
/// where the window, the byte budget or the chunks are used up, and goes on when replies have been sent.
/// </content>
internal sealed partial class ServerConnection
{
    private ReceiveChunk _chunk;
    private int _parsed;
    private int _filled;
    private int _chunks;

    // Bytes that must lie in one piece, from _parsed on, before parsing can go on.
    private int _needed = 1;
    private bool _stalled;
    private int _inFlight;
    private long _charged;

    // A WRITE that is being received into a buffer of its own, or whose payload is being thrown away.
    private BlockRequest? _arriving;
    private PooledBuffer? _arrivingBuffer;
    private int _arrived;
    private long _discard;

    private int Available => _filled - _parsed;

    private ReadOnlySpan<byte> Unparsed => _chunk.Memory.Slice(_parsed, Available).Span;

    /// <summary>The largest payload that is handed over where it was received.</summary>
    private int InPlaceMax => _home.Chunks.ChunkBytes / 4;

    /// <summary>A receive into less room than this would be a system call for too little; then what is unparsed is moved to where there is more.</summary>
    private int LeastRoom => _home.Chunks.ChunkBytes / 16;

    private int MaxChunks => (int)Math.Max(2, _options.MaxBytes / _home.Chunks.ChunkBytes);

    /// <summary>The last holder of one of this connection's chunks has let go.</summary>
    public void OnChunkReturned()
    {
        _chunks--;
        if (_ending == Ending.None)
        {
            AtTurnEnd();
        }
    }

    private void OnReceived(int result)
    {
        if (_ending != Ending.None)
        {
            TryEnd();
            return;
        }

        if (result <= 0)
        {
            OnStreamEnd(result);
            return;
        }

        _heardFrom = true;
        _home.BytesIn += result;
        if (_arrivingBuffer is null)
        {
            _filled += result;
        }
        else
        {
            _arrived += result;
        }

        Parse();
        AtTurnEnd();
    }

    private void OnStreamEnd(int result)
    {
        bool inTransmission = _phase == Phase.Transmission;
        if (result == 0 && inTransmission && _arriving is null && Available == 0)
        {
            // Not a DISC, but nothing is half sent: replies still in flight may reach a client that shut down only its sending side.
            _server.Log.Line($"{_transport.Peer}: the client left without a DISC{(_inFlight > 0 ? $", with {_inFlight} requests in flight" : string.Empty)}");
            Finish();
        }
        else if (result == 0 && !_heardFrom)
        {
            // A probe that connects and leaves is not worth a line.
            Break(reason: null);
        }
        else
        {
            string where = inTransmission ? "in the middle of a request" : "in the handshake";
            Break(result == 0 ? $"the client left {where}" : $"receiving failed: {ErrnoText.Of(result)}");
        }
    }

    private void Parse()
    {
        if (_phase == Phase.Transmission)
        {
            ParseRequests();
        }
        else
        {
            ParseHandshake();
        }
    }

    private void ResumeParsing()
    {
        _stalled = false;
        Parse();
    }

    private void ParseRequests()
    {
        while (_ending == Ending.None && !_stalled && FinishArriving() && TakeRequest())
        {
        }
    }

    /// <summary>Takes one request off the stream. Returns false where it has to wait: for more bytes, or for replies to leave.</summary>
    private bool TakeRequest()
    {
        switch (Requests.ParseCompact(Unparsed, out NbdRequest request))
        {
            case WireStatus.NeedMore:
                _needed = Requests.CompactSize;
                return false;
            case WireStatus.BadMagic:
                Break("closed: what the client sent is not a request (its magic is wrong)");
                return false;
        }

        RequestVerdict verdict = _graph!.Rules.Check(request);
        switch (verdict.Action)
        {
            case RequestAction.Serve when request.Command == NbdCommand.Write:
                return TakeWrite(request);
            case RequestAction.Serve:
                return TakeServed(request);
            case RequestAction.Succeed:
            case RequestAction.Refuse:
                return TakeRefused(request, verdict);
            case RequestAction.Drop:
                Break($"closed: {_graph.Rules.Explain(verdict, request)}");
                return false;
            default:
                _parsed += Requests.CompactSize;
                Finish();
                return false;
        }
    }

    private bool TakeServed(in NbdRequest header)
    {
        if (!Admit(header.Command == NbdCommand.Read ? (long)header.Length : 0, out BlockRequest request, header))
        {
            return false;
        }

        _graph!.StartChecked(request);
        return true;
    }

    /// <summary>Answers at once, or when the data that comes with it has been thrown away.</summary>
    private bool TakeRefused(in NbdRequest header, RequestVerdict verdict)
    {
        if (!Admit(charge: 0, out BlockRequest request, header))
        {
            return false;
        }

        request.Fail((int)verdict.Error);
        _arriving = request;
        _discard = verdict.SkipBytes;
        return true;
    }

    private bool TakeWrite(in NbdRequest header)
    {
        int length = (int)header.Length;
        bool inPlace = length <= InPlaceMax || Available - Requests.CompactSize >= length;
        if (inPlace && Available < Requests.CompactSize + length)
        {
            _needed = Requests.CompactSize + length;
            return false;
        }

        if (!Admit(inPlace ? 0 : length, out BlockRequest request, header))
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
    private bool Admit(long charge, out BlockRequest request, in NbdRequest header)
    {
        // A request larger than the budget goes through alone, or it would wait for ever.
        _stalled = _inFlight >= _options.MaxInFlight || (_inFlight > 0 && _charged + charge > _options.MaxBytes);
        if (_stalled)
        {
            request = null!;
            return false;
        }

        request = _home.Blocks.Rent(this);
        request.Command = header.Command;
        request.Flags = header.Flags;
        request.Offset = header.Offset;
        request.Length = header.Length;
        request.Cookie = header.Cookie;
        request.Charge = charge;
        _charged += charge;
        _inFlight++;
        _home.Requests++;
        _parsed += Requests.CompactSize;
        return true;
    }

    private void StartInPlace(BlockRequest request, int length)
    {
        request.Payload = _chunk.Memory.Slice(_parsed, length);
        request.PayloadLease = _chunk;
        _chunk.Hold();
        _parsed += length;
        _graph!.StartChecked(request);
    }

    /// <summary>The payload is large and not all here: it gets a buffer of its own, and the rest is received straight into that.</summary>
    private void Arrive(BlockRequest request, int length)
    {
        _arriving = request;
        _arrivingBuffer = _home.Blocks.Buffers.Rent(length);
        _arrived = Math.Min(Available, length);
        Unparsed[.._arrived].CopyTo(_arrivingBuffer.Slice.Span);
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

    private void ReceiveMore()
    {
        if (_ending != Ending.None || _receive.IsPending || _stalled || _answering)
        {
            return;
        }

        if (_arrivingBuffer is { } buffer)
        {
            _transport.Receive(_receive, buffer.Slice.Slice(_arrived));
        }
        else if (MakeRoom())
        {
            _transport.Receive(_receive, _chunk.Memory.Slice(_filled));
        }
    }

    /// <summary>
    /// Sees to it that what is needed next fits behind what is here, in one piece. Returns false where all chunks are held by writes in flight.
    /// </summary>
    private bool MakeRoom()
    {
        if (Available == 0 && _chunk.IsOnlyReceivedInto)
        {
            _parsed = 0;
            _filled = 0;
        }

        int room = _chunk.Memory.Length - _filled;
        if (room >= LeastRoom && _parsed + _needed <= _chunk.Memory.Length)
        {
            return true;
        }

        ReadOnlySpan<byte> tail = Unparsed;
        if (_chunk.IsOnlyReceivedInto)
        {
            tail.CopyTo(_chunk.Memory.Span);
        }
        else if (!ChangeChunk(tail))
        {
            // The room that is left is used up first, then the payloads in flight give chunks back.
            return room > 0 && _parsed + _needed <= _chunk.Memory.Length;
        }

        _filled = tail.Length;
        _parsed = 0;
        return true;
    }

    private bool ChangeChunk(ReadOnlySpan<byte> tail)
    {
        if (_chunks >= MaxChunks)
        {
            return false;
        }

        ReceiveChunk next = _home.Chunks.Rent(this);
        _chunks++;
        tail.CopyTo(next.Memory.Span);
        _chunk.Release();
        _chunk = next;
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

    private void FreeReceiving() => _chunk.Release();
}
