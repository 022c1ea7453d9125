using Harness.Io;
using Harness.Io.Native;
using Microsoft.Win32.SafeHandles;

namespace Harness.Nbd;

/// <summary>
/// A regular file as a disk. Every request is an operation of the loop that its connection lives on: on <c>uring</c> the ring does it, elsewhere
/// the loop reads what is cached itself and worker threads do the rest, since poll and epoll know nothing of files; what lies in tmpfs every loop reads and
/// writes itself (<see cref="RegularFile"/>). TRIM punches a hole; WRITE_ZEROES punches a hole or, with NO_HOLE, zeroes in place,
/// and writes zeroes by hand where the file system can do neither. CACHE asks the kernel to read ahead. With O_DIRECT nothing passes through the page
/// cache, and what clients may ask for is what the file system takes.
/// </summary>
/// <remarks>
/// A READ of 64 KiB or more that wants to hear of holes does. A smaller one is answered with data: to ask the file system costs it as much as a chunk could
/// save, and keeps the loop from others meanwhile, while whoever copies a disk asks for more at a time.
/// </remarks>
public sealed class FileStore : IBlock, IExtentMap
{
    private readonly PerLoop<FileJobPool> _pools;
    private readonly string _path;
    private readonly bool _readOnly;
    private readonly bool _direct;
    private SafeFileHandle? _handle;
    private RegularFile? _file;
    private ImageLock? _lock;

    /// <summary>A store on an existing file, which is opened when the first client enters the export.</summary>
    /// <param name="path">The file.</param>
    /// <param name="readOnly">Open it for reading only.</param>
    /// <param name="direct">Past the page cache.</param>
    /// <exception cref="BlockException">The file is missing, is not a regular file, is empty, or may not be opened; the message says what to do.</exception>
    public FileStore(string path, bool readOnly, bool direct = false)
    {
        _path = path;
        _readOnly = readOnly;
        _direct = direct;
        _pools = new PerLoop<FileJobPool>(home => new FileJobPool(this, home));

        // Opened once for a look: what is wrong with the file is better said before the server says that it is ready.
        using SafeFileHandle look = OpenFile();
        Size = (ulong)RandomAccess.GetLength(look);
        if (Size == 0)
        {
            throw new BlockException($"the file '{path}' is empty or not a regular file; make a disk of it, for example with 'truncate -s 1G {path}'");
        }

        Alignment = direct ? DirectFiles.AlignmentOf((int)look.DangerousGetHandle()) : 1;
        if (Size % Alignment != 0)
        {
            throw new BlockException($"the file '{path}' has {Size} bytes, which is no multiple of the {Alignment} that O_DIRECT takes here; serve it with file:{path}");
        }
    }

    /// <inheritdoc/>
    public string Name => _direct ? "file-direct" : "file";

    /// <inheritdoc/>
    public ulong Size { get; }

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.MultiConn
        | (_direct ? 0 : BlockCapabilities.Cache)
        | (_readOnly ? BlockCapabilities.ReadOnly : BlockCapabilities.Trim | BlockCapabilities.WriteZeroes | BlockCapabilities.FastZero);

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints => BlockSizeConstraints.Default with { Minimum = Alignment, Preferred = Math.Max(Alignment, 4096) };

    /// <summary>True once the file system has said that it cannot punch holes (fallocate(2), EOPNOTSUPP). Several loops may find out at once.</summary>
    internal bool CannotPunch { get; set; }

    /// <summary>True once the file system has said that it cannot zero a range in place.</summary>
    internal bool CannotZeroRange { get; set; }

    /// <summary>Of which offsets, lengths and addresses are multiples: 1 where the page cache stands between.</summary>
    internal uint Alignment { get; }

    /// <summary>The file. Once it is open.</summary>
    internal RegularFile File => _file!;

    /// <summary>Makes that of a descriptor that may be past the page cache. Tests put in one whose cache is never whole.</summary>
    internal Func<int, bool, RegularFile> MakeFile { get; init; } = (fd, isDirect) => new RegularFile(fd, isDirect);

    /// <summary>For READs; there from the opening on.</summary>
    internal FileExtents Extents { get; private set; } = null!;

    /// <inheritdoc/>
    public string Describe() => $"{Name}:{_path}";

    /// <inheritdoc/>
    public void Open()
    {
        SafeFileHandle handle = OpenFile();
        if ((ulong)RandomAccess.GetLength(handle) < Size)
        {
            handle.Dispose();
            throw new BlockException($"the file '{_path}' has become smaller than the {Size} bytes that it had at the start");
        }

        _handle = handle;
        _file = MakeFile((int)handle.DangerousGetHandle(), _direct);
        Extents = new FileExtents(_file.Fd, Size);
    }

    /// <inheritdoc/>
    public void Start(BlockRequest request) => _pools.Of(request.Home).Rent().Start(request);

    /// <inheritdoc/>
    /// <remarks>What lseek(2) says of holes; a file system that knows none has one extent of data. Two system calls.</remarks>
    BlockExtent IExtentMap.ExtentAt(ulong offset, ulong length)
    {
        ulong run = FileHoles.RunAt(File.Fd, offset, length, out bool isHole);
        return new BlockExtent(run, isHole ? ExtentState.Hole | ExtentState.Zero : ExtentState.Data);
    }

    /// <summary>Closes the file. Nothing may be in flight.</summary>
    public void Dispose()
    {
        _lock?.Dispose();
        _handle?.Dispose();
        Extents?.Dispose();
    }

    /// <summary>For who keeps more in the file than bytes: locks it as an image that is written, or only read. Once it is open.</summary>
    /// <returns>False where another process has it in a way that does not go together with that.</returns>
    internal bool TryLock() => _lock is not null || ImageLock.TryTake(File.Fd, writes: !_readOnly, out _lock);

    private SafeFileHandle OpenFile()
    {
        SafeFileHandle? handle = null;
        try
        {
            FileAccess access = _readOnly ? FileAccess.Read : FileAccess.ReadWrite;
            handle = System.IO.File.OpenHandle(_path, FileMode.Open, access, FileShare.ReadWrite | FileShare.Delete);
            if (_direct)
            {
                DirectFiles.TurnOn((int)handle.DangerousGetHandle());
            }

            return handle;
        }
        catch (IoException e)
        {
            handle?.Dispose();
            throw new BlockException($"the file '{_path}' cannot be served past the page cache: {e.Message}; serve it with file:{_path}");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BlockException($"there is no file '{_path}'; make one, for example with 'truncate -s 1G {_path}'");
        }
        catch (UnauthorizedAccessException)
        {
            string remedy = _readOnly ? "check its permissions" : "check its permissions, or serve it with --read-only";
            throw new BlockException($"the file '{_path}' may not be opened: {(Directory.Exists(_path) ? "it is a directory" : remedy)}");
        }
        catch (IOException e)
        {
            throw new BlockException($"the file '{_path}' cannot be opened: {e.Message}");
        }
    }
}

/// <summary>The jobs of one loop in one file store, kept for the next request.</summary>
internal sealed class FileJobPool(FileStore store, BlockLoop home)
{
    private FileJob? _free;

    public FileStore Store { get; } = store;

    public BlockLoop Home { get; } = home;

    public FileJob Rent()
    {
        FileJob job = _free ?? new FileJob(this);
        _free = job.NextFree;
        job.NextFree = null;
        return job;
    }

    public void Return(FileJob job)
    {
        job.NextFree = _free;
        _free = job;
    }
}
