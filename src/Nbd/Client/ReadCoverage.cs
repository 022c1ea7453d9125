namespace Harness.Nbd;

/// <summary>
/// Which bytes of a READ its chunks have answered: they may come in any order, but each byte once. Chunks in order cost one number of the request's own; pieces
/// out of order are kept here, and how many there may be is bounded. Belongs to one connection's loop thread.
/// </summary>
internal sealed class ReadCoverage
{
    private readonly Dictionary<int, List<(uint Start, uint End)>> _pieces = [];

    /// <summary>Takes a chunk into account. False, with the reason, where the server may not send it.</summary>
    /// <param name="slot">Of the request.</param>
    /// <param name="progress">Of the request.</param>
    /// <param name="start">Where in the request the chunk begins.</param>
    /// <param name="length">Bytes, not 0; the chunk lies within the request.</param>
    /// <param name="error">What is wrong, or empty.</param>
    public bool TryAdd(int slot, ref ReplyProgress progress, uint start, uint length, out string error)
    {
        error = string.Empty;
        bool fits = start == progress.Covered && !_pieces.ContainsKey(slot)
            ? Extend(ref progress, length)
            : TryAddPiece(slot, ref progress, start, start + length, out error);
        progress.HasContent = true;
        return fits;
    }

    /// <summary>The request is over.</summary>
    public void Forget(int slot) => _pieces.Remove(slot);

    private static bool Extend(ref ReplyProgress progress, uint length)
    {
        progress.Covered += length;
        return true;
    }

    private bool TryAddPiece(int slot, ref ReplyProgress progress, uint start, uint end, out string error)
    {
        if (!_pieces.TryGetValue(slot, out List<(uint Start, uint End)>? pieces))
        {
            _pieces.Add(slot, pieces = []);
        }

        int at = pieces.BinarySearch((start, start));
        at = at < 0 ? ~at : at;
        bool overlaps = start < progress.Covered || (at > 0 && pieces[at - 1].End > start) || (at < pieces.Count && pieces[at].Start < end);
        if (overlaps || pieces.Count == Limits.MaxPiecesOutOfOrder)
        {
            error = overlaps ? "bytes that it had answered before" : $"more than {Limits.MaxPiecesOutOfOrder} pieces out of order";
            return false;
        }

        pieces.Insert(at, (start, end));
        Absorb(slot, ref progress, pieces);
        error = string.Empty;
        return true;
    }

    private void Absorb(int slot, ref ReplyProgress progress, List<(uint Start, uint End)> pieces)
    {
        int taken = 0;
        while (taken < pieces.Count && pieces[taken].Start == progress.Covered)
        {
            progress.Covered = pieces[taken++].End;
        }

        pieces.RemoveRange(0, taken);
        if (pieces.Count == 0)
        {
            _pieces.Remove(slot);
        }
    }
}
