using System.Diagnostics.CodeAnalysis;

namespace Harness.Nbd;

/// <summary>What a store can say at once of what lies where; see <see cref="BlockRequest.AddStatusOf"/>.</summary>
public interface IExtentMap
{
    /// <summary>
    /// The state of the first bytes of a range. The bytes behind them may be in the same state, so whoever asks merges. Any thread; must be quick and must not
    /// throw.
    /// </summary>
    /// <param name="offset">First byte, inside the block.</param>
    /// <param name="length">Bytes, 1 or more, not beyond the block's end.</param>
    /// <returns>At least one byte and at most <paramref name="length"/>.</returns>
    BlockExtent ExtentAt(ulong offset, ulong length);
}

/// <content>
/// The answer to a BLOCK_STATUS: extents from the range's beginning on, equal neighbours as one. It may end before the range does, where
/// there are more extents than one answer may have; a block that says nothing of the range has said that it is data, which is never wrong.
/// </content>
public sealed partial class BlockRequest
{
    /// <summary>Extents in one answer at most: more would hold up the loop for one client, who asks again behind the last one.</summary>
    public const int MaxStatusExtents = 4096;

    private StatusList? _status;

    /// <summary>
    /// The answer to a BLOCK_STATUS, in the order of the offsets, the first from the range's first byte on. None is empty, and none leaves the range.
    /// </summary>
    public ReadOnlySpan<BlockExtent> Status => _status is null ? [] : _status.Extents;

    /// <summary>Bytes of the range of which <see cref="Status"/> tells.</summary>
    public ulong StatusBytes => _status?.Bytes ?? 0;

    /// <summary>Takes a list for the answer from the loop, so that another thread may add to it. On the loop's thread.</summary>
    [MemberNotNull(nameof(_status))]
    internal void BeginStatus() => _status ??= Home.StatusLists.Rent();

    /// <summary>Adds what follows to the answer of a BLOCK_STATUS. On the loop's thread, or after <see cref="BeginStatus"/>.</summary>
    /// <param name="length">Bytes; what leaves the range is cut off.</param>
    /// <param name="state">Their state; where it is that of the bytes before them, they become one extent.</param>
    /// <returns>True while more may be added; false where the range or the answer is full.</returns>
    public bool AddStatus(ulong length, ExtentState state)
    {
        BeginStatus();
        int most = (Flags & NbdCommandFlags.ReqOne) != 0 ? 1 : MaxStatusExtents;
        return _status.TryAdd(Math.Min(length, Length - _status.Bytes), state, most) && _status.Bytes < Length;
    }

    /// <summary>Answers a BLOCK_STATUS from what is known at once, as far as one answer reaches. On the loop's thread.</summary>
    public void AddStatusOf(IExtentMap map)
    {
        ulong at = Offset + StatusBytes;
        ulong end = Offset + Length;
        BlockExtent extent;
        do
        {
            extent = map.ExtentAt(at, end - at);
            at += extent.Length;
        }
        while (AddStatus(extent.Length, extent.State));
    }

    /// <summary>Adds the answer of a child that begins before this one's next byte to this one's. On the loop's thread.</summary>
    /// <param name="child">A BLOCK_STATUS that is complete, without error.</param>
    /// <param name="skip">Bytes of its answer to leave out at the front.</param>
    public void TakeStatus(BlockRequest child, ulong skip)
    {
        foreach (BlockExtent extent in child.Status)
        {
            ulong skipped = Math.Min(skip, extent.Length);
            skip -= skipped;
            if (extent.Length > skipped && !AddStatus(extent.Length - skipped, extent.State))
            {
                return;
            }
        }
    }

    /// <summary>The gate: a block that said nothing has said that there is data.</summary>
    internal void CompleteStatus()
    {
        if (StatusBytes == 0)
        {
            AddStatus(Length, ExtentState.Data);
        }
    }

    /// <summary>For the owner: the answer is written down, or not needed.</summary>
    internal void ReleaseStatus()
    {
        if (_status is not null)
        {
            Home.StatusLists.Return(_status);
            _status = null;
        }
    }

    private void MoveStatusTo(BlockRequest parent)
    {
        parent.ReleaseStatus();
        parent._status = _status;
        _status = null;
    }
}
