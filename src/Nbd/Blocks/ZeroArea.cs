using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Zeroes that everyone may send or write from and nobody may change: one per process, for holes in simple replies and for writing zeroes by hand.
/// </summary>
internal static class ZeroArea
{
    /// <summary>Bytes: a 32 MiB hole takes 128 runs of it, and it fits into a second-level cache.</summary>
    public const int Length = 256 << 10;

    // Kept for the life of the process: sends in flight may read it at any time.
    private static readonly NativeBuffer s_zeroes = new(Length, clear: true, alignment: 4096);

    /// <summary>The first <paramref name="length"/> zeroes, at most <see cref="Length"/>.</summary>
    public static NativeSlice Take(int length) => s_zeroes.Slice(0, length);
}
