namespace Harness.Nbd;

/// <summary>Of which pieces the answer to a READ is made: what is a hole in the store is one in the answer too.</summary>
internal sealed class ReadPieces
{
    // More are not worth their headers: the data, with its holes as zeroes, is in memory all the same.
    private const int MaxPieces = 1024;

    private readonly List<(ulong Start, ulong Length, bool IsHole)> _pieces = [];
    private int _holes;
    private bool _tooMany;

    /// <summary>Whether a part of the answer, or all of it, is a hole.</summary>
    public bool HasHoles => _holes > 0 && !_tooMany;

    /// <summary>Whether there is nothing but one hole.</summary>
    public bool IsHole => _holes == 1 && _pieces.Count == 1;

    /// <summary>A piece has come, in any order.</summary>
    /// <param name="start">Where it begins, from the beginning of the READ.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isHole">Whether it is one.</param>
    public void Add(ulong start, ulong length, bool isHole)
    {
        if (_pieces.Count > 0 && _pieces[^1] is var last && last.IsHole == isHole && last.Start + last.Length == start)
        {
            _pieces[^1] = (last.Start, last.Length + length, isHole);
        }
        else if (_pieces.Count == MaxPieces)
        {
            _tooMany = true;
        }
        else
        {
            _pieces.Add((start, length, isHole));
            _holes += isHole ? 1 : 0;
        }
    }

    /// <summary>Adds what a store knows of the range of a READ.</summary>
    public void AddAll(IExtentMap map, BlockRequest request)
    {
        var walk = new HoleWalk(map, request);
        ulong start = 0;
        while (walk.Next(out ulong length, out bool isHole))
        {
            Add(start, length, isHole);
            start += length;
        }
    }

    /// <summary>Answers with the pieces, or with the whole where there is no hole.</summary>
    /// <param name="request">The READ.</param>
    /// <param name="buffer">All of its bytes; the answer takes it over.</param>
    public void Answer(BlockRequest request, PooledBuffer buffer)
    {
        if (!HasHoles)
        {
            request.AddData(buffer.Slice, buffer);
            return;
        }

        _pieces.Sort((one, other) => one.Start.CompareTo(other.Start));
        ILease? lease = Share(buffer, request.Home);
        foreach ((ulong start, ulong length, bool isHole) in _pieces)
        {
            if (isHole)
            {
                request.AddHole(length);
            }
            else
            {
                request.AddData(buffer.Slice.Slice((int)start, (int)length), lease);
            }
        }
    }

    public void Clear()
    {
        _pieces.Clear();
        _holes = 0;
        _tooMany = false;
    }

    /// <summary>What the pieces with data hold; none is needed where all are holes.</summary>
    private ILease? Share(PooledBuffer buffer, BlockLoop home)
    {
        int parts = _pieces.Count - _holes;
        if (parts == 0)
        {
            buffer.Release();
            return null;
        }

        if (parts == 1)
        {
            return buffer;
        }

        SharedLease lease = home.SharedLeases.Rent();
        lease.Take(buffer, parts);
        return lease;
    }
}
