using System.Runtime.CompilerServices;
using Harness.Io;

namespace Harness.Ext2;

/// <summary>What is known of a block of a file.</summary>
internal enum BlockState
{
    /// <summary>The library has to be asked.</summary>
    Unknown = 0,

    /// <summary>Nothing is there; reads as zeroes.</summary>
    Hole = 1,

    /// <summary>Space was given to it, and nothing written; reads as zeroes.</summary>
    Unwritten = 2,

    /// <summary>It has a block of the image, and may be read and written there.</summary>
    Data = 3,
}

/// <summary>
/// Where the blocks of a file lie, as far as the library has been asked: a word for each, in a sparse mapping, so that a huge file takes memory only where it
/// was looked at. Any thread reads it without a lock; only the image's owner writes it.
/// </summary>
internal sealed unsafe class BlockMap : IDisposable
{
    private const int StateBits = 2;
    private const ulong StateMask = (1ul << StateBits) - 1;

    private readonly AnonymousMapping _mapping;
    private readonly ulong* _words;

    /// <param name="size">Bytes of the file, 1 or more.</param>
    /// <param name="blockBytes">Bytes of a block.</param>
    public BlockMap(ulong size, uint blockBytes)
    {
        Size = size;
        BlockBytes = blockBytes;
        Blocks = ((size - 1) / blockBytes) + 1;
        _mapping = new AnonymousMapping(Blocks * sizeof(ulong));
        _words = (ulong*)_mapping.Slice(0, 0).Address;
    }

    /// <summary>Bytes of the file.</summary>
    public ulong Size { get; }

    /// <summary>Bytes of a block.</summary>
    public uint BlockBytes { get; }

    /// <summary>Blocks of the file, the last one maybe only begun.</summary>
    public ulong Blocks { get; }

    /// <summary>
    /// How many bytes from an offset on are in one state and, where that is <see cref="BlockState.Data"/>, lie side by side in the image.
    /// </summary>
    /// <param name="offset">First byte, inside the file.</param>
    /// <param name="length">Bytes at most.</param>
    /// <param name="state">Their state.</param>
    /// <param name="imageOffset">Where the first of them lies in the image, if it is data.</param>
    public ulong RunAt(ulong offset, ulong length, out BlockState state, out ulong imageOffset)
    {
        ulong block = offset / BlockBytes;
        ulong last = (offset + length - 1) / BlockBytes;
        ulong word = Volatile.Read(ref _words[block]);
        state = (BlockState)(word & StateMask);
        imageOffset = ((word >> StateBits) * BlockBytes) + (offset % BlockBytes);
        ulong step = state == BlockState.Data ? 1ul << StateBits : 0;
        while (block < last && Volatile.Read(ref _words[block + 1]) == word + step)
        {
            block++;
            word += step;
        }

        return block == last ? length : ((block + 1) * BlockBytes) - offset;
    }

    /// <summary>The state of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BlockState StateOf(ulong block) => (BlockState)(Volatile.Read(ref _words[block]) & StateMask);

    /// <summary>Says of some blocks what they are and, where they are data, which lies side by side in the image, where the first of them is.</summary>
    public void Set(ulong block, ulong count, BlockState state, ulong imageBlock)
    {
        bool isData = state == BlockState.Data;
        ulong word = (isData ? imageBlock << StateBits : 0) | (ulong)state;
        for (ulong i = 0; i < count; i++)
        {
            Volatile.Write(ref _words[block + i], word);
            word += isData ? 1ul << StateBits : 0;
        }
    }

    /// <summary>Nothing is known of these blocks any more.</summary>
    public void Forget(ulong block, ulong count) => _mapping.Discard(block * sizeof(ulong), count * sizeof(ulong));

    /// <summary>Frees the map.</summary>
    public void Dispose() => _mapping.Dispose();
}
