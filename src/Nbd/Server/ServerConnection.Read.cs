using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>
/// The receiving side: where bytes are received, and when. One receive brings many messages, which are parsed where they lie. It stops
/// receiving, rather than queue, where the window, the byte budget or the chunks are used up, and goes on when replies have been sent. Without a
/// chunk it waits for bytes, and takes a chunk when there are some; see <see cref="IdleSweep"/> for when it gives the chunk back.
/// </content>
internal sealed partial class ServerConnection
{
    private ReceiveChunk? _chunk;
    private int _parsed;
    private int _filled;
    private int _chunks;

    // Bytes that must lie in one piece, from _parsed on, before parsing can go on.
    private int _needed = 1;
    private bool _stalled;

    // The receive in flight is a wait for bytes, without memory.
    private bool _awaitsBytes;
    private bool _givesChunkBack;
    private bool _receivedSinceSweep;

    private int Available => _filled - _parsed;

    private ReadOnlySpan<byte> Unparsed => _chunk is { } chunk ? chunk.Memory.Slice(_parsed, Available).Span : default;

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

    /// <summary>
    /// From the sweep: the connection gives its chunk back where it has received nothing since the last one, and nothing that it has received is still in the
    /// chunk.
    /// </summary>
    public void GiveChunkBackIfIdle()
    {
        if (_receivedSinceSweep)
        {
            _receivedSinceSweep = false;
        }
        else if (_ending == Ending.None && _receive.IsPending && _arrivingBuffer is null && Available == 0 && _chunk!.IsOnlyReceivedInto)
        {
            _givesChunkBack = true;
            _transport.Cancel(_receive);
        }
    }

    private void OnReceived(int result)
    {
        if (_ending != Ending.None)
        {
            TryEnd();
            return;
        }

        if (_awaitsBytes && result >= 0)
        {
            _awaitsBytes = false;
            TakeChunk();
            _transport.Receive(_receive, _chunk!.Memory);
            return;
        }

        bool givesChunkBack = _givesChunkBack;
        _givesChunkBack = false;
        if (givesChunkBack && result == -Errno.ECANCELED)
        {
            ReturnChunk();
            AtTurnEnd();
            return;
        }

        if (result <= 0)
        {
            OnStreamEnd(result);
            return;
        }

        _heardFrom = true;
        _receivedSinceSweep = true;
        _home.BytesIn += result;
        if (_arrivingBuffer is null)
        {
            _filled += result;
        }
        else
        {
            TakePayload(result);
        }

        bool inTransmission = _phase == Phase.Transmission;
        long requests = _home.Requests;
        Parse();
        if (inTransmission)
        {
            _home.Loop.Tally.MessagesPerReceive.Add(_home.Requests - requests);
        }

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
            string where = inTransmission ? "in the middle of a request" : _waitsToEnter ? "while it waited for its turn" : "in the handshake";
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

    private void ReceiveMore()
    {
        // Of one that waits to enter no more is taken than a chunk has room for; that is more than it has any business to send.
        bool deaf = _answering && (!_waitsToEnter || Available > 0);
        if (_ending != Ending.None || _receive.IsPending || _stalled || deaf)
        {
            return;
        }

        if (_arrivingBuffer is { } buffer)
        {
            _transport.Receive(_receive, buffer.WithTail(TailRoom()).Slice(_arrived));
        }
        else if (_chunk is not { } chunk || ReturnChunkAfterHandshake())
        {
            _awaitsBytes = true;
            _transport.WaitReadable(_receive);
        }
        else if (MakeRoom(ref chunk))
        {
            // A receive of all that is there would bring most of a large payload to where it is not wanted, and it would be copied once more.
            NativeSlice room = chunk.Memory.Slice(_filled);
            _transport.Receive(_receive, _expectsLargeWrite && Available < _requestBytes ? room.Slice(0, _requestBytes - Available) : room);
        }
    }

    /// <summary>
    /// A large payload is received together with the header behind it, so that of large writes in a row each takes one receive, and none is copied on the way.
    /// Without room for the header in the chunk the payload is received alone.
    /// </summary>
    private int TailRoom() => _chunk is { } chunk && Available == 0 && MakeRoom(ref chunk) ? _requestBytes : 0;

    /// <summary>Bytes of a large payload have come into its buffer, and some of the next header perhaps, which goes where headers are read.</summary>
    private void TakePayload(int received)
    {
        PooledBuffer buffer = _arrivingBuffer!;
        int tail = Math.Max(0, _arrived + received - buffer.Slice.Length);
        _arrived += received - tail;
        if (tail > 0)
        {
            buffer.WithTail(tail).Slice(buffer.Slice.Length).Span.CopyTo(_chunk!.Memory.Slice(_filled).Span);
            _filled += tail;
            _home.Loop.Tally.BytesCopied += tail;
        }
    }

    private void TakeChunk()
    {
        _chunk = _home.Chunks.Rent(this);
        _chunks++;
        _parsed = 0;
        _filled = 0;
        _home.IdleSweep.Add(this);
    }

    private void ReturnChunk()
    {
        _home.IdleSweep.Remove(this);
        ReceiveChunk chunk = _chunk!;
        _chunk = null;
        _parsed = 0;
        _filled = 0;
        chunk.Release();
    }

    /// <summary>
    /// In a handshake speed is nothing, and a client may have nothing to ask for a long time after it: the chunk goes back with its last byte.
    /// </summary>
    private bool ReturnChunkAfterHandshake()
    {
        if (_phase == Phase.Transmission || Available > 0)
        {
            return false;
        }

        ReturnChunk();
        return true;
    }

    /// <summary>
    /// Sees to it that what is needed next fits behind what is here, in one piece. Returns false where all chunks are held by writes in flight.
    /// </summary>
    /// <param name="chunk">The connection's chunk, which may become another.</param>
    private bool MakeRoom(ref ReceiveChunk chunk)
    {
        if (Available == 0 && chunk.IsOnlyReceivedInto)
        {
            _parsed = 0;
            _filled = 0;
        }

        int room = chunk.Memory.Length - _filled;
        if (room >= LeastRoom && _parsed + _needed <= chunk.Memory.Length)
        {
            return true;
        }

        ReadOnlySpan<byte> tail = Unparsed;
        if (chunk.IsOnlyReceivedInto)
        {
            tail.CopyTo(chunk.Memory.Span);
        }
        else if (!ChangeChunk(ref chunk, tail))
        {
            // The room that is left is used up first, then the payloads in flight give chunks back.
            return room > 0 && _parsed + _needed <= chunk.Memory.Length;
        }

        _filled = tail.Length;
        _parsed = 0;
        _home.Loop.Tally.BytesCopied += tail.Length;
        return true;
    }

    private bool ChangeChunk(ref ReceiveChunk chunk, ReadOnlySpan<byte> tail)
    {
        if (_chunks >= MaxChunks)
        {
            return false;
        }

        ReceiveChunk next = _home.Chunks.Rent(this);
        _chunks++;
        tail.CopyTo(next.Memory.Span);
        chunk.Release();
        chunk = next;
        _chunk = next;
        return true;
    }

    private void FreeReceiving()
    {
        if (_chunk is not null)
        {
            ReturnChunk();
        }
    }
}
