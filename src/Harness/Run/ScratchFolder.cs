using System.Text;

namespace Harness.Run;

/// <summary>
/// A folder of its own for one cell's sockets and logs; gone when disposed of. Its name, and so that of the cell's file in memory, begins with the
/// runner's process: of a leftover anyone can see whether its runner still lives.
/// </summary>
internal sealed class ScratchFolder : IDisposable
{
    /// <summary>Bytes of <c>sun_path</c> before the final zero (unix(7)).</summary>
    private const int MaxSocketPath = 107;

    private const string Prefix = "harness-cell-";

    private readonly string _path;

    public ScratchFolder()
    {
        _path = Directory.CreateTempSubdirectory($"{Prefix}{Environment.ProcessId}-").FullName;
        // TMPDIR may lie deep; /tmp never does. (The question for Linux is the compiler's: modes exist nowhere else.)
        if (OperatingSystem.IsLinux() && Encoding.UTF8.GetByteCount(File("control")) > MaxSocketPath)
        {
            Directory.Delete(_path);
            _path = System.IO.Path.Combine("/tmp", System.IO.Path.GetFileName(_path));
            Directory.CreateDirectory(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public string Path => _path;

    public string File(string name) => System.IO.Path.Combine(_path, name);

    /// <summary>Removes the folder of a runner that was killed. A name that no runner gives is left alone.</summary>
    public static void RemoveAfterRunner(string path)
    {
        if (System.IO.Path.GetFileName(path).StartsWith(Prefix, StringComparison.Ordinal))
        {
            Remove(path);
        }
    }

    public void Dispose() => Remove(_path);

    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A process that did not end in time still writes there; a leftover in the temporary folder is no reason to lose a run.
        }
    }
}
