using System.Runtime.InteropServices;
using Harness.Io;

namespace Harness.Load;

/// <summary>
/// The memory of one connection's requests, a piece for each. A WRITE has its piece from its submission, a READ from the arrival of its data: what was
/// given back last is taken first, since it is in the CPU's cache, and 64 READs of 256 KiB in flight are then received into a few pieces and not into
/// 16 MiB that no cache holds. Made once per run; loop thread only.
/// </summary>
internal sealed class LoadMemory : IDisposable
{
    private readonly NativeBuffer _buffer;
    private readonly NativeSlice[] _free;
    private int _count;

    /// <summary>Filled with data that no server stores cheaply.</summary>
    /// <param name="pieces">As many as there are requests in flight at most.</param>
    /// <param name="pieceBytes">Of each.</param>
    /// <param name="seed">Of the data.</param>
    public LoadMemory(int pieces, int pieceBytes, ulong seed)
    {
        // Every piece begins on a cache line.
        int stride = (pieceBytes + 63) & ~63;
        _buffer = new NativeBuffer(checked(pieces * stride));
        new SplitMix64(seed).Fill(MemoryMarshal.Cast<byte, ulong>(_buffer.Whole.Span));
        _free = [.. Enumerable.Range(0, pieces).Select(i => _buffer.Slice(i * stride, pieceBytes))];
        _count = pieces;
    }

    public NativeSlice Take() => _free[--_count];

    public void GiveBack(NativeSlice piece) => _free[_count++] = piece;

    public void Dispose() => _buffer.Dispose();
}
