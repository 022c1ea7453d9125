namespace Harness.Nbd;

/// <summary>Of which pieces the answer to a READ came: what is a hole there is one here too.</summary>
internal sealed class ReadPieces
{
    // More are not worth their headers: the data, with its holes as zeroes, is in memory all the same.
    private const int MaxPieces = 1024;

    private readonly List<(ulong Start, ulong Length, bool IsHole)> _pieces = [];
    private int _holes;
    private bool _tooMany;

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

    /// <summary>Answers with the pieces, or with the whole where there is no hole.</summary>
    /// <param name="request">The READ.</param>
    /// <param name="buffer">All of its bytes; the answer takes it over.</param>
    /// <param name="home">Of the request's loop.</param>
    public void Answer(BlockRequest request, PooledBuffer buffer, Upstream home)
    {
        if (_holes == 0 || _tooMany)
        {
            request.AddData(buffer.Slice, buffer);
            return;
        }

        _pieces.Sort((one, other) => one.Start.CompareTo(other.Start));
        ILease? lease = Share(buffer, home);
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
    private ILease? Share(PooledBuffer buffer, Upstream home)
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

        SharedLease lease = home.RentLease();
        lease.Take(buffer, parts);
        return lease;
    }
}
