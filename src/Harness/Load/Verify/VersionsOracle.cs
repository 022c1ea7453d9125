using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Harness.Load;

/// <summary>
/// Sees a lost, doubled, reordered or misplaced write: keeps the version of every block that it wrote, with at most one write in flight per block and
/// no read beside it, and checks every read of a block that was written. What the export held before is not known and not checked.
/// </summary>
internal sealed class VersionsOracle : IDataOracle
{
    /// <summary>The most blocks that are kept track of: 6 bytes each.</summary>
    public const ulong MaxBlocks = 1UL << 28;

    private const ushort Writing = ushort.MaxValue;

    // The version in the low bits; this bit is set while it is known what the block holds.
    private const uint Known = 1U << 31;

    private readonly VersionWord _word;
    private readonly int _blockBytes;
    private readonly ulong _exportBytes;
    private readonly uint[] _versions;

    // Readers in flight, or Writing.
    private readonly ushort[] _users;

    /// <param name="seed">Goes into every word.</param>
    /// <param name="blockBytes">Bytes of one block, a multiple of 8.</param>
    /// <param name="blocks">Blocks, at most <see cref="MaxBlocks"/>; at least twice as many as requests in flight, so that a free one is always found.</param>
    public VersionsOracle(ulong seed, int blockBytes, ulong blocks)
    {
        _word = new VersionWord(seed);
        _blockBytes = blockBytes;
        _exportBytes = blocks * (ulong)blockBytes;
        _versions = new uint[blocks];
        _users = new ushort[blocks];
    }

    public ulong Begin(BlockPicker picker, ulong block, bool isWrite)
    {
        while (isWrite ? _users[block] != 0 : _users[block] >= Writing - 1)
        {
            block = picker.After(block);
        }

        if (isWrite)
        {
            _users[block] = Writing;
            _versions[block] = (_versions[block] & ~Known) + 1;
        }
        else
        {
            _users[block]++;
        }

        return block;
    }

    public void Fill(ulong block, Span<byte> data) => _word.Fill(data, OffsetOf(block), VersionOf(block));

    public string? EndRead(ulong block, ReadOnlySpan<byte> data)
    {
        _users[block]--;
        return (_versions[block] & Known) == 0 || _word.Matches(data, OffsetOf(block), VersionOf(block)) ? null : Explain(block, data);
    }

    public void EndWrite(ulong block)
    {
        _users[block] = 0;
        _versions[block] |= Known;
    }

    public void Fail(ulong block, bool isWrite)
    {
        if (isWrite)
        {
            _users[block] = 0;
        }
        else
        {
            _users[block]--;
        }
    }

    public bool TryNextToSweep(ref ulong block)
    {
        while (block < (ulong)_versions.Length && (_versions[block] & Known) == 0)
        {
            block++;
        }

        return block < (ulong)_versions.Length;
    }

    private ulong OffsetOf(ulong block) => block * (ulong)_blockBytes;

    private uint VersionOf(ulong block) => (_versions[block] & ~Known) % VersionWord.Versions;

    /// <summary>What is wrong, from the first word that is: it tells whose it is.</summary>
    private string Explain(ulong block, ReadOnlySpan<byte> data)
    {
        uint expected = VersionOf(block);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        for (int i = 0; i < words.Length; i++)
        {
            ulong offset = OffsetOf(block) + ((ulong)i * 8);
            if (words[i] != _word.At(offset, expected))
            {
                return $"offset {offset}: expected version {expected} of the block at {OffsetOf(block)}, found {WhatIs(words[i], offset, expected)}";
            }
        }

        return $"offset {OffsetOf(block)}: the last {data.Length % 8} bytes of the block differ from version {expected}";
    }

    private string WhatIs(ulong word, ulong offset, uint expected)
    {
        if (word == 0)
        {
            return "zeroes: the write is lost";
        }

        (ulong itsOffset, uint itsVersion) = _word.Decode(word);
        if (itsOffset == offset)
        {
            // Versions wrap, so older and newer are judged by the shorter way round.
            uint behind = (expected - itsVersion) % VersionWord.Versions;
            return behind < VersionWord.Versions / 2
                ? $"version {itsVersion} of it, {behind} older: a write is lost, or an old one was done again"
                : $"version {itsVersion} of it, which is still to come: a write was done too early, or the data is of another run with this seed";
        }

        return itsOffset < _exportBytes && itsVersion < Math.Max(2, MaxVersion())
            ? $"version {itsVersion} of offset {itsOffset}: data of another place"
            : $"0x{BinaryPrimitives.ReverseEndianness(word):x16}: not data of this run";
    }

    private uint MaxVersion() => _versions.Max(version => version & ~Known) + 1;
}
