using Harness.Ext2.Native;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>What is written for an image: a path, or a chain.</summary>
internal static class ImageName
{
    /// <summary>The chain: a text that does not begin with the name of a block is the path of a file.</summary>
    public static string Chain(string image)
    {
        int end = image.AsSpan().IndexOfAny(':', '/') is var at and >= 0 ? at : image.Length;
        string word = image[..end];
        bool isBlock = StoreCatalog.All.Any(kind => kind.Name == word) || FilterCatalog.All.Any(kind => kind.Name == word);
        return isBlock ? image : $"file:{image}";
    }

    /// <summary>A name under which two texts of one file meet, whatever links lead to it.</summary>
    public static string Canonical(string chain)
    {
        const string Prefix = "file:";
        return chain.StartsWith(Prefix, StringComparison.Ordinal) ? Prefix + Stdlib.RealPath(chain[Prefix.Length..]) : chain;
    }
}
