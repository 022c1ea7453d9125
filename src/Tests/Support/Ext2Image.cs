using System.Globalization;

namespace Harness.Tests;

/// <summary>An ext2, ext3 or ext4 image made by mke2fs(8), and e2fsprogs' own word on what became of it.</summary>
internal sealed class Ext2Image
{
    private readonly TempDir _folder;

    /// <summary>Makes one.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="mke2fs">Its arguments, for example <c>-t ext4 -b 4096</c>.</param>
    /// <param name="size">Its size, for example <c>8M</c>.</param>
    /// <param name="fill">Makes the files that it holds at first, in the folder that it is given.</param>
    public Ext2Image(TempDir folder, string mke2fs, string size, Action<string> fill)
    {
        _folder = folder;
        var program = Program("mke2fs");
        Skip.If(Ext2.Ext2Library.Trouble() is not null, Ext2.Ext2Library.Trouble());
        Path = folder.File($"image{Directory.GetFiles(folder.Path, "image*").Length}");
        var tree = folder.File(System.IO.Path.GetFileName(Path) + ".d");
        Directory.CreateDirectory(tree);
        fill(tree);
        Tool.Run(program, ["-q", "-F", .. mke2fs.Split(' '), "-d", tree, Path, size]).Succeeded();
    }

    public string Path { get; }

    /// <summary>The chain of a file in it.</summary>
    public string Chain(string file = "/disk") => $"ext2:image={Path},file={file}";

    /// <summary>An empty file of a size, whose every block is a hole.</summary>
    public static void Sparse(string path, long bytes)
    {
        using var file = File.Create(path);
        file.SetLength(bytes);
    }

    /// <summary>debugfs(8) with one command; <paramref name="write"/> lets it change the image.</summary>
    public string Debugfs(string command, bool write = false) =>
        Tool.Run(Program("debugfs"), [.. write ? ["-w"] : Array.Empty<string>(), "-R", command, Path]).Succeeded().Output.Trim();

    /// <summary>Asserts that e2fsck(8) finds nothing wrong.</summary>
    public void AssertClean() => Tool.Run(Program("e2fsck"), "-fn", Path).Succeeded();

    /// <summary>Asserts that a file has these bytes, as debugfs reads it.</summary>
    public void AssertHolds(string file, byte[] expected)
    {
        var dumped = Dump(file);
        Assert.Equal(expected.Length, dumped.Length);
        var same = expected.AsSpan().CommonPrefixLength(dumped);
        Assert.True(same == expected.Length, string.Create(CultureInfo.InvariantCulture, $"{file} differs first at byte {same}"));
    }

    /// <summary>A file's bytes, as debugfs reads it.</summary>
    public byte[] Dump(string file)
    {
        var dumped = _folder.File("dumped");
        File.Delete(dumped);
        Debugfs($"dump {file} {dumped}");
        return File.ReadAllBytes(dumped);
    }

    /// <summary>Programs for administrators may lie outside of PATH.</summary>
    private static string Program(string name)
    {
        var path = Requires.Find(name) ?? $"/usr/sbin/{name}";
        return Requires.FileOf("e2fsprogs", path);
    }
}
