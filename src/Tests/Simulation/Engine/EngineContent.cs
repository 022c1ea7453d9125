using System.Buffers.Binary;

namespace Harness.Tests;

/// <summary>What a unit of the disk holds: zeroes, or bytes that follow from which write wrote them and from where they lie.</summary>
internal static class EngineContent
{
    /// <summary>The version that is all zeroes.</summary>
    public const ulong Zero = 0;

    public static void Fill(Span<byte> unit, int index, ulong version)
    {
        for (int at = 0; at < unit.Length; at += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(unit[at..], version == Zero ? 0 : Word(index, version, at));
        }
    }

    /// <summary>Whether bytes of a unit, from <paramref name="skip"/> on, are those of a version.</summary>
    public static bool Holds(ReadOnlySpan<byte> part, int index, int skip, ulong version)
    {
        Span<byte> whole = stackalloc byte[EngineSetup.UnitBytes];
        Fill(whole, index, version);
        return part.SequenceEqual(whole.Slice(skip, part.Length));
    }

    private static ulong Word(int index, ulong version, int at)
    {
        ulong x = (version * 0x9e3779b97f4a7c15) ^ (((ulong)index << 32) + (ulong)at + 1);
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        return (x ^ (x >> 27)) | 1;
    }
}
