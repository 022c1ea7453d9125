using Harness.Matrix;

namespace Harness.Run;

/// <summary>
/// A file in memory: for a peer that can only serve files, and for a store that a matrix asks for by its size (<see cref="MadeStore"/>). It is zero, and as
/// sparse as our own memory store; or it is an image with a file of that size (<see cref="Ext2ImageFile"/>). Gone when disposed of.
/// </summary>
internal sealed class TmpfsFile : IDisposable
{
    private const string Folder = "/dev/shm";

    /// <param name="scratch">The cell's folder, whose name it takes: two runners never meet.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="isImage">Make it an image with a file of that size.</param>
    /// <exception cref="HarnessException">It cannot be made.</exception>
    public TmpfsFile(ScratchFolder scratch, long size, bool isImage = false)
    {
        Path = System.IO.Path.Combine(Folder, System.IO.Path.GetFileName(scratch.Path) + ".img");
        try
        {
            using (var file = new FileStream(Path, FileMode.CreateNew, FileAccess.Write))
            {
                file.SetLength(isImage ? Ext2ImageFile.Bytes(size) : size);
            }
            if (isImage)
            {
                Ext2ImageFile.Make(Path, scratch, size);
            }
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            Dispose();
            throw new HarnessException(ExitCode.Failed, $"cannot make the file '{Path}' to be served: {FileTrouble.Reason(e, Path)}", e);
        }
    }

    public string Path { get; }

    /// <summary>Why a file of this size cannot be had in memory here; null where it can.</summary>
    public static string? Refusal(long size)
    {
        try
        {
            var drive = new DriveInfo(Folder);
            return drive.DriveFormat != "tmpfs" ? $"{Folder} is no tmpfs, and the file to be served is to lie in memory; mount -t tmpfs tmpfs {Folder}"
                : drive.AvailableFreeSpace < size ? $"{Folder} has {Units.FormatSize(drive.AvailableFreeSpace >> 20 << 20)} free, less than the {Units.FormatSize(size)} of the file to be served; mount -o remount,size=SIZE {Folder}"
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{Folder} cannot be used: {OneLine.Of(e.Message)}; mount -t tmpfs tmpfs {Folder}";
        }
    }

    public void Dispose() => File.Delete(Path);
}
