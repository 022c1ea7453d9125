using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>What is written for the store in a chain.</summary>
public static class Ext2Arguments
{
    /// <summary>Its word.</summary>
    public const string StoreName = "ext2";

    // Its arguments are read as a filter's are, except that it is a store: everything behind its name is its own, so slashes need no encoding.
    private static readonly FilterKind s_kind = new(
        StoreName,
        "A regular file inside an ext2, ext3 or ext4 image.",
        "ext2:image=/srv/fs.img,file=/disk.img",
        [
            new("image", "IMAGE", "the image's path, like /srv/fs.img, or a chain, like partition:number=1/file:/srv/disk.img; , and % are written %2C and %25"),
            new("file", "FILE", "the file's path in the image, like /disk.img; without it, an export of 'serve' that has no name of its own serves what clients name"),
        ],
        (_, _) => throw new NotSupportedException());

    /// <summary>Takes the text apart.</summary>
    /// <returns>The image, and the file; null where the text leaves it open.</returns>
    /// <exception cref="BlockException">It is not right; the message says what to write.</exception>
    public static (string Image, string? File) Read(string text)
    {
        var arguments = new FilterArguments(s_kind, text);
        string image = arguments.Required("image");
        string? file = arguments.String("file");
        return file is null || file.StartsWith('/') ? (image, file) : throw arguments.Wrong($"file={file} is no path from the image's root; write file=/{file}");
    }

    /// <summary>The text with a file, of whatever characters that is.</summary>
    public static string WithFile(string text, string file) =>
        $"{text},file={file.Replace("%", "%25", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal)}";

    /// <summary>A line of complaint: where a text stands, no client can name the file.</summary>
    public static BlockException NamesNoFile(string text) => new FilterArguments(s_kind, text).Wrong(
        $"file= is missing: write {StoreName}:{text},file=/disk.img; to let clients choose by the export's name, give it to 'serve' as --block, or as --export without a name");
}
