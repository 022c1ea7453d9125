using System.Text;

namespace Harness.Run;

/// <summary>A folder of its own for one cell's sockets and logs; gone when disposed of.</summary>
internal sealed class ScratchFolder : IDisposable
{
    /// <summary>Bytes of <c>sun_path</c> before the final zero (unix(7)).</summary>
    private const int MaxSocketPath = 107;

    private readonly string _path;

    public ScratchFolder()
    {
        _path = Directory.CreateTempSubdirectory("harness-").FullName;
        // TMPDIR may lie deep; /tmp never does. (The question for Linux is the compiler's: modes exist nowhere else.)
        if (OperatingSystem.IsLinux() && Encoding.UTF8.GetByteCount(File("control")) > MaxSocketPath)
        {
            Directory.Delete(_path);
            _path = Path.Combine("/tmp", Path.GetFileName(_path));
            Directory.CreateDirectory(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public string File(string name) => Path.Combine(_path, name);

    public void Dispose()
    {
        try
        {
            Directory.Delete(_path, recursive: true);
        }
        catch (IOException)
        {
            // A process that did not end in time still writes there; a leftover in the temporary folder is no reason to lose a run.
        }
    }
}
