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
            new("file", "FILE", "the file's path in the image, like /disk.img; links are followed as from the image's root"),
        ],
        (_, _) => throw new NotSupportedException());

    /// <summary>Takes the text apart.</summary>
    /// <exception cref="BlockException">It is not right; the message says what to write.</exception>
    public static (string Image, string File) Read(string text)
    {
        var arguments = new FilterArguments(s_kind, text);
        string image = arguments.Required("image");
        string file = arguments.Required("file");
        return file.StartsWith('/') ? (image, file) : throw arguments.Wrong($"file={file} is no path from the image's root; write file=/{file}");
    }
}
