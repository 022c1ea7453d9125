namespace Harness.Tests;

/// <summary>Large files of incompressible bytes, the same for the same seed.</summary>
internal static class RandomFile
{
    private const int ChunkBytes = 1 << 20;

    public static void Write(string path, long bytes, int seed)
    {
        var random = new Random(seed);
        var chunk = new byte[ChunkBytes];
        using var file = File.Create(path);
        for (var left = bytes; left > 0; left -= ChunkBytes)
        {
            random.NextBytes(chunk);
            file.Write(chunk, 0, (int)Math.Min(left, ChunkBytes));
        }
    }

    /// <summary>Asserts that two files are equal, as cmp(1) does: a difference names its place.</summary>
    public static void AssertSame(string expected, string actual)
    {
        using var left = File.OpenRead(expected);
        using var right = File.OpenRead(actual);
        Assert.Equal(left.Length, right.Length);
        var (a, b) = (new byte[ChunkBytes], new byte[ChunkBytes]);
        for (long offset = 0; offset < left.Length; offset += ChunkBytes)
        {
            var count = (int)Math.Min(ChunkBytes, left.Length - offset);
            left.ReadExactly(a, 0, count);
            right.ReadExactly(b, 0, count);
            var same = a.AsSpan(0, count).CommonPrefixLength(b.AsSpan(0, count));
            Assert.True(same == count, $"{expected} and {actual} differ first at byte {offset + same}");
        }
    }
}
