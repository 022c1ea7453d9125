namespace Harness.Copy;

/// <summary>One request's worth of the copy.</summary>
internal readonly record struct CopyPiece(ulong Offset, ulong Length, bool IsZero);

/// <summary>
/// Cuts the source into pieces, in order: data into requests, zeroes into longer ones. It asks for extents as they are used up, so a source of any size takes
/// bounded memory. Zeroes that are no whole number of blocks are data.
/// </summary>
/// <param name="source">Who is asked.</param>
/// <param name="knowsHoles">False takes everything for data, and asks nobody.</param>
/// <param name="block">Every piece is a multiple of this, but for the last.</param>
/// <param name="mostData">Bytes of a piece of data at most, a multiple of the block.</param>
/// <param name="mostZero">The same for zeroes.</param>
/// <param name="answered">Called when there may be pieces again, never from inside a call.</param>
internal sealed class CopyPieces(CopyEnd source, bool knowsHoles, ulong block, ulong mostData, ulong mostZero, Action answered) : IExtentSink
{
    // More than a turn's worth of pieces; what one answer brings may be more.
    private const int EnoughExtents = 64;

    private readonly Queue<(ulong Length, bool IsZero)> _known = new();
    private (ulong Length, bool IsZero) _head;
    private ulong _knownBytes;
    private ulong _at;
    private bool _asking;
    private bool _inCall;

    /// <summary>The errno of a question that failed, or 0.</summary>
    public int Error { get; private set; }

    /// <summary>Where the next piece begins.</summary>
    public ulong Offset => _at;

    /// <summary>True where all pieces have been taken.</summary>
    public bool IsAtEnd => _at == source.Size;

    /// <summary>True while a question is under way.</summary>
    public bool IsAsking => _asking;

    /// <summary>The next piece. False at the end, and where the source has not said yet what comes: then the callback follows.</summary>
    public bool TryTake(out CopyPiece piece)
    {
        piece = default;
        Refill();
        if (IsAtEnd || _head.Length == 0)
        {
            return false;
        }

        ulong whole = _head.Length / block * block;
        bool isZero = _head.IsZero && (whole > 0 || _head.Length == source.Size - _at);
        ulong length = isZero
            ? Math.Min(whole > 0 ? whole : _head.Length, mostZero)
            : Math.Min(Math.Min((_head.Length + block - 1) / block * block, mostData), source.Size - _at);
        if (_knownBytes < length)
        {
            return false;
        }

        piece = new CopyPiece(_at, length, isZero);
        Consume(length);
        return true;
    }

    public void Add(ulong length, bool isZero)
    {
        _knownBytes += length;
        if (_head.Length == 0)
        {
            _head = (length, isZero);
        }
        else if (_known.Count == 0 && _head.IsZero == isZero)
        {
            _head.Length += length;
        }
        else
        {
            _known.Enqueue((length, isZero));
        }
    }

    public void Answered(int error)
    {
        _asking = false;
        Error = error;
        if (!_inCall)
        {
            answered();
        }
    }

    private void Refill()
    {
        while (!_asking && Error == 0 && (_known.Count < EnoughExtents || _knownBytes < mostData) && _at + _knownBytes < source.Size)
        {
            _asking = true;
            _inCall = true;
            if (knowsHoles)
            {
                source.FindExtents(_at + _knownBytes, this);
            }
            else
            {
                Add(source.Size - _at - _knownBytes, isZero: false);
                Answered(0);
            }

            _inCall = false;
        }
    }

    private void Consume(ulong length)
    {
        _at += length;
        _knownBytes -= length;
        while (length > 0)
        {
            ulong taken = Math.Min(length, _head.Length);
            length -= taken;
            _head.Length -= taken;
            if (_head.Length == 0 && _known.TryDequeue(out var next))
            {
                _head = next;
            }
        }
    }
}
