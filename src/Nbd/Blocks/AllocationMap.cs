using System.Numerics;
using System.Runtime.InteropServices;
using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// One bit for each piece of a range of bytes, such as whether it was ever written. The bits lie in a sparse mapping, so that the map of a huge disk takes
/// memory only where bits are set. Any thread may use it: single bits are set and cleared atomically.
/// </summary>
internal sealed class AllocationMap : IDisposable
{
    // A span has at most 2^31 - 1 elements; more bits than this would not fit into one.
    private const ulong MaxBits = 1ul << 33;
    private const int BitsPerWord = 64;

    private readonly AnonymousMapping _mapping;
    private readonly int _shift;

    /// <param name="size">Bytes that the map is about.</param>
    /// <param name="pieceBytes">Bytes to a bit, a power of two; more where the range is too large for it, see <see cref="PieceBytes"/>.</param>
    public AllocationMap(ulong size, uint pieceBytes)
    {
        _shift = BitOperations.Log2(pieceBytes);
        while (((size - 1) >> _shift) + 1 > MaxBits)
        {
            _shift++;
        }

        Size = size;
        _mapping = new AnonymousMapping((((size - 1) >> _shift) / BitsPerWord + 1) * sizeof(ulong));
    }

    /// <summary>Bytes that the map is about.</summary>
    public ulong Size { get; }

    /// <summary>Bytes to a bit.</summary>
    public ulong PieceBytes => 1ul << _shift;

    private Span<ulong> Words => MemoryMarshal.Cast<byte, ulong>(_mapping.Slice(0, (int)_mapping.Length).Span);

    /// <summary>Whether the piece with this byte is set.</summary>
    public bool IsSet(ulong offset)
    {
        ulong bit = offset >> _shift;
        return (Volatile.Read(ref Words[(int)(bit / BitsPerWord)]) & Mask(bit)) != 0;
    }

    /// <summary>Sets every piece that the range touches.</summary>
    public void Set(ulong offset, ulong length) => SetBits(offset >> _shift, ((offset + length - 1) >> _shift) + 1);

    /// <summary>Clears every piece that lies wholly within the range, the last one of the whole being as long as it is.</summary>
    public void ClearWithin(ulong offset, ulong length)
    {
        ulong end = offset + length == Size ? ((Size - 1) >> _shift) + 1 : (offset + length) >> _shift;
        ClearBits((offset + PieceBytes - 1) >> _shift, end);
    }

    /// <summary>How many bytes from <paramref name="offset"/> on, at most <paramref name="length"/>, lie in pieces of one kind, and of which.</summary>
    public ulong RunAt(ulong offset, ulong length, out bool isSet)
    {
        ulong first = offset >> _shift;
        ulong end = ((offset + length - 1) >> _shift) + 1;

        // Read once: where another thread changed the bit between two readings, the run would end before it began.
        ulong word = Volatile.Read(ref Words[(int)(first / BitsPerWord)]);
        isSet = (word & Mask(first)) != 0;
        ulong bit = NextOther(word, first, end, isSet);
        return bit >= end ? length : (bit << _shift) - offset;
    }

    /// <summary>Frees the map.</summary>
    public void Dispose() => _mapping.Dispose();

    private static ulong Mask(ulong bit) => 1ul << (int)(bit % BitsPerWord);

    /// <summary>The bits of the word with <paramref name="bit"/> that lie from there to <paramref name="end"/>.</summary>
    private static ulong MaskTo(ulong bit, ulong end)
    {
        ulong count = Math.Min(end - bit, BitsPerWord - (bit % BitsPerWord));
        return (ulong.MaxValue >> (BitsPerWord - (int)count)) << (int)(bit % BitsPerWord);
    }

    private void SetBits(ulong bit, ulong end)
    {
        Span<ulong> words = Words;
        for (; bit < end; bit = (bit | (BitsPerWord - 1)) + 1)
        {
            // Looked at first: a disk is written again more often than for the first time, and an atomic write costs ten times a read.
            ref ulong word = ref words[(int)(bit / BitsPerWord)];
            ulong mask = MaskTo(bit, end);
            if ((Volatile.Read(ref word) & mask) != mask)
            {
                Interlocked.Or(ref word, mask);
            }
        }
    }

    private void ClearBits(ulong bit, ulong end)
    {
        Span<ulong> words = Words;
        for (; bit < end; bit = (bit | (BitsPerWord - 1)) + 1)
        {
            // Looked at first: to clear the map of a huge disk must not fill its memory.
            ref ulong word = ref words[(int)(bit / BitsPerWord)];
            ulong mask = MaskTo(bit, end);
            if ((Volatile.Read(ref word) & mask) != 0)
            {
                Interlocked.And(ref word, ~mask);
            }
        }
    }

    /// <summary>
    /// The first bit behind <paramref name="bit"/> that is not <paramref name="isSet"/>, or something at or behind <paramref name="end"/>. The bit itself was so in
    /// <paramref name="word"/>, which is its own as it was then.
    /// </summary>
    private ulong NextOther(ulong word, ulong bit, ulong end, bool isSet)
    {
        Span<ulong> words = Words;
        ulong same = isSet ? ulong.MaxValue : 0;
        int index = (int)(bit / BitsPerWord);
        ulong others = (word ^ same) & (ulong.MaxValue << (int)(bit % BitsPerWord));
        int lastIndex = (int)((end - 1) / BitsPerWord);
        if (others == 0)
        {
            int skip = index < lastIndex ? words[(index + 1)..(lastIndex + 1)].IndexOfAnyExcept(same) : -1;
            if (skip < 0)
            {
                return end;
            }

            // Where another thread has changed this word back by now, the run ends behind it, which is a run too.
            index += 1 + skip;
            others = words[index] ^ same;
        }

        return ((ulong)index * BitsPerWord) + (ulong)BitOperations.TrailingZeroCount(others);
    }
}
