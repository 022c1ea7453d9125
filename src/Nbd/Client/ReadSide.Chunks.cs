using System.Buffers.Binary;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>
/// Replies in chunks. The header is judged by itself, then the first fields of the payload, then what follows is taken as it comes: no
/// chunk is gathered, so none takes memory by its announced length. What breaks a MUST of the protocol ends the connection, because the next chunk's
/// place or meaning is unknown then; what servers are known to do differently is taken: a READ's error as a simple reply, for one (nbd-server).
/// </content>
internal sealed partial class ReadSide
{
    private readonly ReadCoverage _coverage = new();
    private ReplyForm _form;
    private IReadOnlyList<MetaContext> _contexts = [];
    private ChunkHeader _chunk;

    // Bytes of the chunk's payload that have not been taken, where it is no data.
    private int _left;
    private int _context;

    private void ExpectChunks(ReplyForm form, IReadOnlyList<MetaContext> contexts)
    {
        _form = form;
        _contexts = contexts;
        if (form != ReplyForm.Simple)
        {
            _inFlight.KeepProgress();
        }
    }

    private ReadOnlySpan<byte> Received => _buffer.Slice(_start, _end - _start).Span;

    private ref ReplyProgress Progress => ref _inFlight.ProgressOf(_slot);

    /// <summary>Takes a header. Returns false where more of it has to come.</summary>
    private bool TakeChunkHeader()
    {
        if (_form == ReplyForm.Structured && Replies.ParseSimple(Received, out _, out _) == WireStatus.Ok)
        {
            TakeSimpleReply();
            return true;
        }

        switch (ChunkHeader.Parse(Received, _form, out _chunk))
        {
            case WireStatus.NeedMore:
                return false;
            case WireStatus.BadMagic:
                uint magic = BinaryPrimitives.ReadUInt32BigEndian(Received);
                _owner.Broken(Errno.EPROTO, $"the server sent 0x{magic:x8} where a reply begins; {_form} replies were negotiated");
                return true;
        }

        _start += ChunkHeader.Size(_form);
        if (Expected(_chunk.Cookie))
        {
            JudgeChunk();
        }

        return true;
    }

    private bool Expected(ulong cookie)
    {
        CookieVerdict verdict = _inFlight.Judge(cookie);
        if (verdict is CookieVerdict.AnsweredBefore or CookieVerdict.NeverIssued)
        {
            _owner.Broken(Errno.EPROTO, BadCookie(cookie, verdict));
            return false;
        }

        _slot = InFlight.SlotOf(cookie);
        return true;
    }

    /// <summary>Among structured replies: an error, or the success of a request that has nothing to tell.</summary>
    private void TakeSimpleReply()
    {
        Replies.TryReadSimple(Received, out _, out uint wireError, out ulong cookie);
        _start += Replies.SimpleSize;
        if (!Expected(cookie))
        {
            return;
        }

        int error = NbdErrors.FromWire(wireError);
        if (error == 0 && _inFlight.PayloadBytesOf(_slot) > 0)
        {
            _owner.Broken(Errno.EPROTO, "the server answered a READ with a simple reply although structured replies were negotiated");
            return;
        }

        EndReply(error == 0 && Progress.Command == NbdCommand.BlockStatus ? Errno.EPROTO : error);
    }

    private void JudgeChunk()
    {
        if (_form == ReplyForm.Extended && _chunk.Offset != Progress.Offset)
        {
            Refuse($"the offset {_chunk.Offset}, but the request's is {Progress.Offset}");
            return;
        }

        bool ofRead = Progress.Command == NbdCommand.Read;
        bool ofStatus = Progress.Command == NbdCommand.BlockStatus;
        bool extended = _form == ReplyForm.Extended;
        switch (_chunk.Type)
        {
            case ChunkType.None when _chunk is { Length: 0, IsDone: true }:
                EndReply(0);
                break;
            case ChunkType.OffsetData when ofRead && HasData():
            case ChunkType.OffsetHole when ofRead && _chunk.Length == Chunks.HoleBytes:
            case ChunkType.BlockStatus when ofStatus && !extended && HasWholeExtents():
            case ChunkType.BlockStatusExt when ofStatus && extended && HasWholeExtents():
            case var _ when _chunk.IsError && _chunk.Length is >= Chunks.ErrorHeadBytes and <= Limits.MaxErrorChunkBytes:
                Go(ReadState.ChunkHead);
                break;
            default:
                Refuse("that type or that length");
                break;
        }
    }

    /// <summary>One byte or more, and no more than the READ asked for.</summary>
    private bool HasData() => _chunk.Length > Chunks.DataHeadBytes && _chunk.Length - Chunks.DataHeadBytes <= _inFlight.PayloadBytesOf(_slot);

    /// <summary>One extent or more, and none cut; compared in 64 bits, before anything is taken for it.</summary>
    private bool HasWholeExtents()
    {
        ulong head = (ulong)Chunks.StatusHeadBytes(_form);
        ulong size = (ulong)Chunks.ExtentBytes(_form);
        return _chunk.Length > head && _chunk.Length <= head + (Limits.MaxExtentsPerChunk * size) && (_chunk.Length - head) % size == 0;
    }

    /// <summary>Takes the next part of a payload that is no data. Returns false where more of it has to come.</summary>
    private bool TakeChunkPart()
    {
        switch (State)
        {
            case ReadState.Extents:
                return TakeExtents();
            case ReadState.ErrorText:
                TakeErrorText();
                return true;
            default:
                int bytes = HeadBytes();
                if (_end - _start < bytes)
                {
                    return false;
                }

                ReadOnlySpan<byte> head = _buffer.Slice(_start, bytes).Span;
                _start += bytes;
                _left = (int)_chunk.Length - bytes;
                TakeChunkHead(head);
                return true;
        }
    }

    private int HeadBytes() => _chunk.Type switch
    {
        ChunkType.OffsetData => Chunks.DataHeadBytes,
        ChunkType.OffsetHole => Chunks.HoleBytes,
        ChunkType.BlockStatus or ChunkType.BlockStatusExt => Chunks.StatusHeadBytes(_form),
        _ => Chunks.ErrorHeadBytes,
    };

    private void TakeChunkHead(ReadOnlySpan<byte> head)
    {
        switch (_chunk.Type)
        {
            case ChunkType.OffsetData:
                TakeData(BinaryPrimitives.ReadUInt64BigEndian(head), (uint)_left);
                break;
            case ChunkType.OffsetHole:
                TakeHole(BinaryPrimitives.ReadUInt64BigEndian(head), BinaryPrimitives.ReadUInt32BigEndian(head[8..]));
                break;
            case ChunkType.BlockStatus or ChunkType.BlockStatusExt:
                TakeStatus(head);
                break;
            default:
                TakeError(head);
                break;
        }
    }

    private void TakeData(ulong offset, uint length)
    {
        if (!Covers(offset, length))
        {
            return;
        }

        ClientRequest? request = _inFlight.RequestOf(_slot);
        Expect((int)length);
        _destination = request is null ? default : DestinationOf(request);
        if (_destination.IsEmpty)
        {
            Go(ReadState.PayloadDropped);
            return;
        }

        _destination = _destination.Slice((int)(offset - Progress.Offset), _missing);
        request!.Chunks?.OnData(request, offset, length);
        Go(ReadState.Payload);
        if (_start == _end)
        {
            ReceiveDirectlyIfLarge();
        }
    }

    private void TakeHole(ulong offset, uint length)
    {
        if (!Covers(offset, length))
        {
            return;
        }

        if (_inFlight.RequestOf(_slot) is { } request && !DestinationOf(request).IsEmpty)
        {
            request.Destination.Slice((int)(offset - Progress.Offset), (int)length).Span.Clear();
            request.Chunks?.OnHole(request, offset, length);
        }

        Go(ReadState.ReplyHeader);
        EndChunk();
    }

    /// <summary>
    /// Whether a content chunk is one that may come: within the request, of bytes that were not answered before, and with DF the only one. All unsigned, and
    /// the offset is compared before anything is taken from it: CVE-2019-14842 was this subtraction, signed.
    /// </summary>
    private bool Covers(ulong offset, uint length)
    {
        ref ReplyProgress progress = ref Progress;
        uint whole = _inFlight.PayloadBytesOf(_slot);
        string error;
        if (length == 0 || offset < progress.Offset || length > whole || offset - progress.Offset > whole - length)
        {
            error = $"{length} bytes at {offset}, which are not within the {whole} bytes at {progress.Offset} that were asked for";
        }
        else if (progress.HasContent && (progress.Flags & NbdCommandFlags.Df) != 0)
        {
            error = "a second piece, although the READ had DF";
        }
        else if (_coverage.TryAdd(_slot, ref progress, (uint)(offset - progress.Offset), length, out error))
        {
            return true;
        }

        Refuse(error);
        return false;
    }

    /// <summary>The chunk is over; the state is that between two of them.</summary>
    private void EndChunk()
    {
        if (_chunk.IsDone)
        {
            EndReply(0);
        }
    }

    /// <summary>The reply is over: a READ must have been answered to the last byte, and a BLOCK_STATUS at all.</summary>
    /// <param name="error">Of the end itself; an error that a chunk told counts first.</param>
    private void EndReply(int error)
    {
        _replies++;
        _coverage.Forget(_slot);
        ref ReplyProgress progress = ref Progress;
        error = progress.Error != 0 ? progress.Error : error;
        if (error == 0 && progress.Command == NbdCommand.Read && progress.Covered != _inFlight.PayloadBytesOf(_slot))
        {
            _owner.Broken(Errno.EPROTO, $"the server ended the reply to a READ of {_inFlight.PayloadBytesOf(_slot)} bytes at {progress.Offset} without all of them");
            return;
        }

        bool isEmptyStatus = error == 0 && progress.Command == NbdCommand.BlockStatus && progress.ContextsSeen == 0;
        Finish(isEmptyStatus ? Errno.EPROTO : error);
    }

    private void Refuse(string what) => _owner.Broken(
        Errno.EPROTO, $"the server answered {Progress.Command.Text()} with a chunk of type 0x{(ushort)_chunk.Type:x4} of {_chunk.Length} bytes, which cannot have {what}");
}
