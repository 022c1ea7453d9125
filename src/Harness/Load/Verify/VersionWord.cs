using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Harness.Load;

/// <summary>
/// The words that <c>--verify</c> writes: a hash of seed, offset and version that can be turned back, so that a wrong word tells whose it is. Version
/// and word index are packed into 64 bits, mixed with the seed, and sent through a bijection; two different places or versions never give the same
/// word.
/// </summary>
internal readonly struct VersionWord
{
    /// <summary>Versions count modulo this: a lost write shows unless exactly 2^20 of them were lost on one block.</summary>
    public const uint Versions = 1 << (64 - IndexBits);

    private const int IndexBits = 44;
    private const ulong IndexMask = (1UL << IndexBits) - 1;

    // An odd factor has an inverse modulo 2^64, and x ^ x >> 32 is its own: that makes the mixing reversible.
    private const ulong Factor1 = 0xBF58476D1CE4E5B9;
    private const ulong Factor2 = 0x94D049BB133111EB;
    private static readonly ulong s_inverse1 = Inverse(Factor1);
    private static readonly ulong s_inverse2 = Inverse(Factor2);

    private readonly ulong _key;

    public VersionWord(ulong seed) => _key = new SplitMix64(seed).Next();

    /// <summary>Fills a block. Its words are independent of each other, so the processor works on several at a time.</summary>
    /// <param name="data">Whole words; a shorter tail gets the first bytes of its word.</param>
    /// <param name="offset">Byte offset of the block, a multiple of 8.</param>
    /// <param name="version">Counts the block's writes.</param>
    public void Fill(Span<byte> data, ulong offset, uint version)
    {
        ulong packed = Pack(offset, version);
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = Mix(packed + (ulong)i);
        }

        Span<byte> tail = data[(words.Length * 8)..];
        ulong last = Mix(packed + (ulong)words.Length);
        MemoryMarshal.AsBytes(new Span<ulong>(ref last))[..tail.Length].CopyTo(tail);
    }

    /// <summary>Compares a whole block without a branch per word. True where every byte is right.</summary>
    public bool Matches(ReadOnlySpan<byte> data, ulong offset, uint version)
    {
        ulong packed = Pack(offset, version);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        ulong differences = 0;
        for (int i = 0; i < words.Length; i++)
        {
            differences |= words[i] ^ Mix(packed + (ulong)i);
        }

        ReadOnlySpan<byte> tail = data[(words.Length * 8)..];
        ulong last = Mix(packed + (ulong)words.Length);
        return differences == 0 && tail.SequenceEqual(MemoryMarshal.AsBytes(new Span<ulong>(ref last))[..tail.Length]);
    }

    /// <summary>The word that belongs at a place.</summary>
    public ulong At(ulong offset, uint version) => Mix(Pack(offset, version));

    /// <summary>Whose word this would be. Any word gives an answer; the caller judges whether it makes sense.</summary>
    public (ulong Offset, uint Version) Decode(ulong word)
    {
        word *= s_inverse2;
        word ^= word >> 32;
        word *= s_inverse1;
        word ^= _key;
        return ((word & IndexMask) << 3, (uint)(word >> IndexBits));
    }

    private static ulong Pack(ulong offset, uint version) => ((ulong)(version % Versions) << IndexBits) | (offset >> 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Mix(ulong packed)
    {
        ulong word = (packed ^ _key) * Factor1;
        word ^= word >> 32;
        return word * Factor2;
    }

    /// <summary>The inverse of an odd number modulo 2^64 by Newton's method: every step doubles the number of right bits.</summary>
    private static ulong Inverse(ulong odd)
    {
        ulong inverse = odd;
        for (int step = 0; step < 5; step++)
        {
            inverse *= 2 - (odd * inverse);
        }

        return inverse;
    }
}
