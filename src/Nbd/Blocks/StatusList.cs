namespace Harness.Nbd;

/// <summary>The extents of one answer to a BLOCK_STATUS, equal neighbours as one.</summary>
internal sealed class StatusList
{
    private const int FirstExtents = 16;

    private BlockExtent[] _extents = new BlockExtent[FirstExtents];
    private int _count;

    // An extent was left out, and none that follows may take its place.
    private bool _isFull;

    public ReadOnlySpan<BlockExtent> Extents => _extents.AsSpan(0, _count);

    /// <summary>Of all extents.</summary>
    public ulong Bytes { get; private set; }

    /// <summary>False where one more extent would be needed, and there may be no more than <paramref name="most"/>.</summary>
    public bool TryAdd(ulong length, ExtentState state, int most)
    {
        if (length == 0 || _isFull)
        {
            return !_isFull;
        }

        if (_count > 0 && _extents[_count - 1].State == state)
        {
            _extents[_count - 1] = new BlockExtent(_extents[_count - 1].Length + length, state);
        }
        else if (_count == most)
        {
            _isFull = true;
            return false;
        }
        else
        {
            if (_count == _extents.Length)
            {
                Array.Resize(ref _extents, _count * 2);
            }

            _extents[_count++] = new BlockExtent(length, state);
        }

        Bytes += length;
        return true;
    }

    public void Clear()
    {
        _count = 0;
        _isFull = false;
        Bytes = 0;
    }
}

/// <summary>The lists of one loop, lent to requests from their first extent on and kept for the next; few are kept, since a full one has 64 KiB.</summary>
internal sealed class StatusLists
{
    private const int Kept = 16;

    private readonly Stack<StatusList> _free = new();

    public StatusList Rent() => _free.TryPop(out StatusList? list) ? list : new StatusList();

    public void Return(StatusList list)
    {
        list.Clear();
        if (_free.Count < Kept)
        {
            _free.Push(list);
        }
    }
}
