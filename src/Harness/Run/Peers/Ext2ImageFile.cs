using System.Diagnostics;
using System.Globalization;

namespace Harness.Run;

/// <summary>
/// An ext4 image for <c>ext2:SIZE</c> in a matrix: one file of that size, full of bytes that are not zero, so that reads come from all of it.
/// </summary>
internal static class Ext2ImageFile
{
    /// <summary>The file in it.</summary>
    public const string FileName = "/disk";

    private const string Program = "mke2fs";
    private const int ChunkBytes = 1 << 20;

    // Debian has programs for administrators where not everybody looks.
    private static string? Path => ProgramPath.Find(Program) ?? (File.Exists($"/usr/sbin/{Program}") ? $"/usr/sbin/{Program}" : null);

    /// <summary>Bytes of an image for a file of a size: inode tables, bitmaps and some to spare are added.</summary>
    public static long Bytes(long size) => size + (size / 8) + (16 << 20);

    /// <summary>Why none can be made; null where one can.</summary>
    public static string? Refusal() => Path is null ? $"{Program} is not installed (Debian package e2fsprogs); scripts/setup.sh test installs it" : null;

    /// <summary>Makes a file that has its size an image.</summary>
    /// <exception cref="HarnessException">mke2fs(8) has failed.</exception>
    public static void Make(string image, ScratchFolder scratch, long size)
    {
        string tree = scratch.File("tree");
        Directory.CreateDirectory(tree);
        byte[] chunk = new byte[ChunkBytes];
        new Random(1).NextBytes(chunk);
        using (FileStream file = File.Create(tree + FileName))
        {
            for (long left = size; left > 0; left -= ChunkBytes)
            {
                file.Write(chunk, 0, (int)Math.Min(left, ChunkBytes));
            }
        }

        string[] arguments = ["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-d", tree, image];
        var start = new ProcessStartInfo(Path!, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Directory.Delete(tree, recursive: true);
        if (process.ExitCode != 0)
        {
            string code = process.ExitCode.ToString(CultureInfo.InvariantCulture);
            throw new HarnessException(ExitCode.Failed, $"{Program} cannot make the image '{image}' (it ended with {code}): {OneLine.Of(said)}");
        }
    }
}
