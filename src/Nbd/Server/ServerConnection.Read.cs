using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>
/// The receiving side. One receive brings many requests; they are parsed where they lie and started one after the other. It stops receiving, rather than queue,
/// where the window, the byte budget or the chunks are used up, and goes on when replies have been sent.
/// </content>
internal sealed partial class ServerConnection
{
    // A receive into less room than this costs a system call for too little; then what is unparsed is moved to where there is room.
    private const int LeastRoom = 16 << 10;

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
            Break(result == 0 ? $"the client left {where}" : $"receiving failed: {ErrorText(result)}");
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
        while (_ending == Ending.None && !_stalled && FinishArriving())
        {
            if (Available < Requests.CompactSize)
            {
                _needed = Requests.CompactSize;
                return;
            }

            if (!Requests.TryReadCompact(Unparsed, out CompactRequest header))
            {
                Break("closed: what came is not a request (bad magic)");
                return;
            }

            if (!Take(header))
            {
                return;
            }
        }
    }

    /// <summary>Takes one request off the stream. Returns false where it has to wait: for more bytes, or for replies to leave.</summary>
    private bool Take(in CompactRequest header)
    {
        if (header.Command == NbdCommand.Disconnect)
        {
            _parsed += Requests.CompactSize;
            Finish();
            return false;
        }

        if (header.Command == NbdCommand.Write)
        {
            return TakeWrite(header);
        }

        long charge = header.Command == NbdCommand.Read ? Math.Min(header.Length, Limits.MaxPayload) : 0;
        if (!Admit(charge))
        {
            return false;
        }

        _parsed += Requests.CompactSize;
        _graph!.Start(Begin(header, charge));
        return true;
    }

    private bool TakeWrite(in CompactRequest header)
    {
        if (header.Length > Limits.MaxPayload)
        {
            Break($"closed: a WRITE of {header.Length} bytes is more than the {Limits.MaxPayload} that a request may carry");
            return false;
        }

        int length = (int)header.Length;
        int error = _graph!.Check(header.Command, header.Flags, header.Offset, header.Length);
        bool inPlace = error == 0 && (length <= InPlaceMax || Available - Requests.CompactSize >= length);
        if (inPlace && Available < Requests.CompactSize + length)
        {
            _needed = Requests.CompactSize + length;
            return false;
        }

        long charge = inPlace || error != 0 ? 0 : length;
        if (!Admit(charge))
        {
            return false;
        }

        _parsed += Requests.CompactSize;
        BlockRequest request = Begin(header, charge);
        if (inPlace)
        {
            StartInPlace(request, length);
        }
        else
        {
            Arrive(request, length, error);
        }

        return true;
    }

    /// <summary>Whether one more request may be in flight. Where it may not, receiving stops until replies have left.</summary>
    private bool Admit(long charge)
    {
        // A request larger than the budget goes through alone, or it would wait for ever.
        _stalled = _inFlight >= _options.MaxInFlight || (_inFlight > 0 && _charged + charge > _options.MaxBytes);
        return !_stalled;
    }

    private BlockRequest Begin(in CompactRequest header, long charge)
    {
        BlockRequest request = _home.Blocks.Rent(this);
        request.Command = header.Command;
        request.Flags = header.Flags;
        request.Offset = header.Offset;
        request.Length = header.Length;
        request.Cookie = header.Cookie;
        request.Charge = charge;
        _charged += charge;
        _inFlight++;
        _home.Requests++;
        return request;
    }

    private void StartInPlace(BlockRequest request, int length)
    {
        request.Payload = _chunk.Memory.Slice(_parsed, length);
        request.PayloadLease = _chunk;
        _chunk.Hold();
        _parsed += length;
        _graph!.Start(request);
    }

    /// <summary>The payload is not all here: it gets a buffer of its own, or it is thrown away because the request is refused.</summary>
    private void Arrive(BlockRequest request, int length, int error)
    {
        _arriving = request;
        if (error != 0)
        {
            request.Fail(error);
            _discard = length;
            return;
        }

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
            _graph!.Start(request);
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

    /// <summary>Sees to it that what is needed next fits behind what is here, in one piece. Returns false where all chunks are held by writes in flight.</summary>
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

    private void FreeReceiving() => _chunk.Release();
}
