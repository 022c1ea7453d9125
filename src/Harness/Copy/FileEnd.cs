using Harness.Io;
using Microsoft.Win32.SafeHandles;

namespace Harness.Copy;

/// <summary>
/// A regular file. A destination is made where there is none, and begins as one hole, so its zeroes are there before the copy; zeroes that are to take space
/// are written as data.
/// </summary>
internal sealed class FileEnd : CopyEnd
{
    private readonly EventLoop _loop;
    private readonly SafeFileHandle _handle;
    private ulong _size;
    private bool _isZero;

    private FileEnd(string path, EventLoop loop, SafeFileHandle handle)
        : base(path)
    {
        _loop = loop;
        _handle = handle;
        Fd = (int)handle.DangerousGetHandle();
        _size = (ulong)RandomAccess.GetLength(handle);
    }

    public int Fd { get; }

    public override ulong Size => _size;

    public override bool IsZero => _isZero;

    public override int FlushPorts => 1;

    /// <exception cref="HarnessException">It cannot be read.</exception>
    public static FileEnd OpenSource(string path, EventLoop loop)
    {
        FileEnd file = Open(path, loop, FileMode.Open, FileAccess.Read, "read");
        if (file.Size > 0)
        {
            return file;
        }

        file.Dispose();
        throw new HarnessException(ExitCode.Failed, $"'{path}' is empty or not a regular file: there is nothing to copy");
    }

    /// <summary>Opens or makes it; nothing is cut off before <see cref="Begin"/>.</summary>
    /// <exception cref="HarnessException">It cannot be written.</exception>
    public static FileEnd OpenDestination(string path, EventLoop loop) => Open(path, loop, FileMode.OpenOrCreate, FileAccess.ReadWrite, "write");

    /// <summary>Empties it and makes it as long as the source.</summary>
    /// <exception cref="HarnessException">It cannot be made so long.</exception>
    public void Begin(ulong size)
    {
        try
        {
            RandomAccess.SetLength(_handle, 0);
            RandomAccess.SetLength(_handle, (long)size);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"'{Name}' cannot be made {size} bytes long: {FileTrouble.Reason(e, Name)}", e);
        }

        _size = size;
        _isZero = true;
    }

    public override CopyPort NewPort(int number, ICopyHandler handler) => new FilePort(this, _loop, handler);

    public override void FindExtents(ulong offset, IExtentSink sink)
    {
        sink.Add(FileHoles.RunAt(Fd, offset, Size - offset, out bool isHole), isHole);
        sink.Answered(0);
    }

    public override void Dispose() => _handle.Dispose();

    private static FileEnd Open(string path, EventLoop loop, FileMode mode, FileAccess access, string verb)
    {
        try
        {
            return new FileEnd(path, loop, File.OpenHandle(path, mode, access, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (FileNotFoundException e)
        {
            throw new HarnessException(ExitCode.Failed, $"there is no file '{path}'", e);
        }
        catch (Exception e) when (FileTrouble.Is(e) || e is NotSupportedException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot {verb} '{path}': {FileTrouble.Reason(e, path)}", e);
        }
    }
}
