namespace Harness.Nbd;

/// <summary>
/// Goes through the range of a READ by what its store knows of it, and tells what the answer is to be made of: data, and holes that are worth a chunk of their
/// own. What is told is as true as the map is; a change that runs beside the READ may come before or after it.
/// </summary>
internal ref struct HoleWalk
{
    /// <summary>A page: the smallest thing that stores give back, and a hundred times what the chunk for a hole takes on the wire.</summary>
    public const uint LeastHoleBytes = 4096;

    // A READ of 256 KiB, the size in which disks are copied, may change at every other page. Of a longer one that is torn up like that the end is sent as data:
    // to look at thousands of extents would hold up the loop, and each piece stays with the request as a place for it.
    private const int MostExtents = 64;

    private readonly IExtentMap _map;
    private readonly ulong _end;
    private ulong _at;
    private ulong _holeBytes;
    private int _looks;

    public HoleWalk(IExtentMap map, BlockRequest request)
    {
        _map = map;
        _at = request.Offset;
        _end = request.Offset + request.Length;
    }

    /// <summary>The next piece. Returns false at the end.</summary>
    public bool Next(out ulong length, out bool isHole)
    {
        isHole = _holeBytes > 0;
        length = _holeBytes;
        _holeBytes = 0;
        while (!isHole && _at + length < _end)
        {
            ulong left = _end - _at - length;
            BlockExtent extent = _looks++ < MostExtents ? _map.ExtentAt(_at + length, left) : new BlockExtent(left, ExtentState.Data);
            if ((extent.State & ExtentState.Zero) == 0 || extent.Length < LeastHoleBytes)
            {
                length += extent.Length;
                continue;
            }

            // What lies before it is told first.
            isHole = length == 0;
            _holeBytes = isHole ? 0 : extent.Length;
            length += isHole ? extent.Length : 0;
            break;
        }

        _at += length;
        return length > 0;
    }
}
