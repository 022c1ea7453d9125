using System.Security.Cryptography;

namespace Harness.Kernels.Archive;

/// <summary>A file of an archive, with what a signed list says that it must be.</summary>
/// <param name="Uri">Where it lies.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its hash, in lower-case hexadecimal digits.</param>
internal sealed record ArchiveFile(Uri Uri, long Bytes, string Sha256)
{
    /// <summary>What it is called in a line about it.</summary>
    public string Name { get; init; } = Path.GetFileName(Uri.AbsolutePath);

    /// <summary>The hash of a file on disk.</summary>
    public static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
