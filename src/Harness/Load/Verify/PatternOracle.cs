using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Harness.Load;

/// <summary>Reads of nbdkit's pattern plugin: every aligned 8-byte word is its own byte offset, big-endian. Read-only.</summary>
internal sealed class PatternOracle(int blockBytes) : ReadOnlyOracle
{
    public override string? EndRead(ulong block, ReadOnlySpan<byte> data)
    {
        ulong offset = block * (ulong)blockBytes;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        ulong differences = 0;
        for (int i = 0; i < words.Length; i++)
        {
            differences |= words[i] ^ BinaryPrimitives.ReverseEndianness(offset + ((ulong)i * 8));
        }

        return differences == 0 ? null : Explain(offset, words);
    }

    private static string Explain(ulong offset, ReadOnlySpan<ulong> words)
    {
        int i = 0;
        while (words[i] == BinaryPrimitives.ReverseEndianness(offset + ((ulong)i * 8)))
        {
            i++;
        }

        ulong found = BinaryPrimitives.ReverseEndianness(words[i]);
        return $"offset {offset + ((ulong)i * 8)}: expected the pattern's own offset, found 0x{found:x16}"
            + (found == 0 ? ": zeroes" : $": the data of offset {found}, if this is the pattern");
    }
}

/// <summary>Reads that must find nothing but zeroes. Read-only.</summary>
internal sealed class ZeroesOracle(int blockBytes) : ReadOnlyOracle
{
    public override string? EndRead(ulong block, ReadOnlySpan<byte> data)
    {
        int first = data.IndexOfAnyExcept((byte)0);
        return first < 0 ? null : $"offset {(block * (ulong)blockBytes) + (ulong)first}: expected zeroes, found 0x{data[first]:x2}";
    }
}

/// <summary>What oracles have in common that never write: nothing stands in the way of a read, and there is no last sweep.</summary>
internal abstract class ReadOnlyOracle : IDataOracle
{
    public ulong Begin(BlockPicker picker, ulong block, bool isWrite) => block;

    public void Fill(ulong block, Span<byte> data) => throw new InvalidOperationException("this data is only read");

    public abstract string? EndRead(ulong block, ReadOnlySpan<byte> data);

    public void EndWrite(ulong block) => throw new InvalidOperationException("this data is only read");

    public void Fail(ulong block, bool isWrite)
    {
        // Nothing is kept.
    }

    public bool TryNextToSweep(ref ulong block) => false;
}
