using Harness.Matrix;

namespace Harness.Run;

/// <summary>What a peer serves: the <c>block</c> of a cell, as far as peers have the like of it.</summary>
/// <param name="IsNull">Reads give zeroes and writes are dropped; otherwise bytes in memory, zero at first.</param>
/// <param name="Size">Bytes.</param>
internal sealed record PeerExport(bool IsNull, long Size)
{
    private const string DelayFilter = "delay:";

    /// <summary>The bytes are those of a file in an ext4 image, which lies in memory.</summary>
    public bool IsImage { get; init; }

    /// <summary>How long each READ and each WRITE waits before it is served, in milliseconds; null where the chain has no delay.</summary>
    public (long Read, long Write)? DelayMs { get; init; }

    /// <summary>
    /// Null where the chain is none of <c>memory:SIZE</c>, <c>null:SIZE</c> and <c>ext2:SIZE</c>, the first two with a delay before it or without.
    /// </summary>
    public static PeerExport? Of(string chain)
    {
        try
        {
            return chain.StartsWith(DelayFilter, StringComparison.Ordinal) && chain.IndexOf('/', StringComparison.Ordinal) is var slash and > 0
                ? Store(chain[(slash + 1)..]) is { IsImage: false } store ? store with { DelayMs = Delays(chain[DelayFilter.Length..slash]) } : null
                : Store(chain);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static PeerExport? Store(string text) => text.Split(':') is [("memory" or "null" or "ext2") and var name, var size]
        ? new PeerExport(name == "null", Units.ParseSize(size)) { IsImage = name == "ext2" }
        : null;

    private static (long Read, long Write) Delays(string text)
    {
        var (read, write) = (0L, 0L);
        foreach (var parameter in text.Split(','))
        {
            switch (parameter.Split('=', 2))
            {
                case ["read", var time]:
                    read = Milliseconds(time);
                    break;
                case ["write", var time]:
                    write = Milliseconds(time);
                    break;
                default:
                    throw new FormatException($"no peer delays by '{parameter}'");
            }
        }
        return (read, write);
    }

    private static long Milliseconds(string text) => Units.ParseTime(text) is var time && time.Ticks % TimeSpan.TicksPerMillisecond == 0
        ? (long)time.TotalMilliseconds
        : throw new FormatException($"'{text}' is no whole number of milliseconds");
}
