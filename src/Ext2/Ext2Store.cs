using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// A regular file inside an ext2, ext3 or ext4 image as a disk. Where its blocks lie is asked of libext2fs once; what is known goes straight to the image, on
/// the loop of whoever asks, side by side with everything else. Only holes, TRIM and what changes the file system's own records pass through the library, which
/// has no locks and is therefore called on one thread for each image. All stores of a process that name the same image share it, and all that name the same
/// file share what is known of it. The file keeps its size, and its times stay as they are.
/// </summary>
public sealed class Ext2Store : IBlock
{
    private readonly PerLoop<JobPool<Ext2Job>> _pools;
    private readonly SharedImage _shared;
    private readonly FoundFile _found;
    private readonly string _text;
    private readonly bool _readOnly;
    private OpenImage? _image;
    private OpenInode? _inode;

    private Ext2Store(string text, bool readOnly, SharedImage shared, FoundFile found)
    {
        _text = text;
        _readOnly = readOnly;
        _shared = shared;
        _found = found;
        _pools = new PerLoop<JobPool<Ext2Job>>(_ => new JobPool<Ext2Job>(pool => new Ext2Job(this, pool)));
        shared.AddUser(this);
    }

    /// <inheritdoc/>
    public string Name => Ext2Arguments.StoreName;

    /// <inheritdoc/>
    /// <remarks>The image that the file lies in.</remarks>
    public BlockEdge? Behind => _shared.Graph?.Edge;

    /// <inheritdoc/>
    public ulong Size => _found.Size;

    /// <inheritdoc/>
    /// <remarks>A flush on any connection covers all of them: there is one file system, and one image behind it.</remarks>
    public BlockCapabilities Capabilities => _readOnly
        ? BlockCapabilities.ReadOnly | BlockCapabilities.Flush | BlockCapabilities.MultiConn
        : BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes | BlockCapabilities.FastZero | BlockCapabilities.MultiConn;

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints => BlockSizeConstraints.Default with { Preferred = Math.Max(_found.BlockBytes, 4096) };

    /// <summary>The image. Once it is open.</summary>
    internal OpenImage Image => _image!;

    /// <summary>The file. Once it is open.</summary>
    internal OpenInode Inode => _inode!;

    /// <summary>A store from what follows its name in a chain.</summary>
    /// <param name="text"><c>image=IMAGE,file=FILE</c>.</param>
    /// <param name="readOnly">The image is opened for reading only, unless another store changes it.</param>
    /// <exception cref="BlockException">
    /// libext2fs is not installed, the text is not right, or what it names cannot be served; the message says what to do.
    /// </exception>
    public static Ext2Store Make(string text, bool readOnly)
    {
        (string image, string? file) = Ext2Arguments.Read(text);
        return Make(text, image, file ?? throw Ext2Arguments.NamesNoFile(text), readOnly, follow: true);
    }

    /// <summary>A store whose file is named apart from the rest.</summary>
    /// <param name="text">For messages and pictures: as it would be written in a chain.</param>
    /// <param name="image">The image.</param>
    /// <param name="file">The file's path in it.</param>
    /// <param name="readOnly">As above.</param>
    /// <param name="follow">The file may be a symbolic link to the one that is served.</param>
    internal static Ext2Store Make(string text, string image, string file, bool readOnly, bool follow)
    {
        // Looked at before anything is served: what is wrong is better said before the server says that it is ready.
        SharedImage shared = EnterImage(image, readOnly);
        try
        {
            return new Ext2Store(text, readOnly, shared, shared.Find(file, !readOnly, follow));
        }
        catch
        {
            shared.Leave();
            throw;
        }
    }

    /// <summary>Opens the image, or counts one more in that needs it.</summary>
    /// <exception cref="IOException">It cannot be had; the message is one line.</exception>
    internal static SharedImage EnterImage(string image, bool readOnly) =>
        Ext2Library.Trouble() is { } trouble ? throw new BlockException(trouble) : SharedImage.Enter(image, !readOnly);

    /// <inheritdoc/>
    public string Describe() => $"{Name}:{_text}";

    /// <inheritdoc/>
    public void Open()
    {
        OpenImage image = _shared.Use();
        _inode ??= image.Open(_found);
        _image = image;
    }

    /// <inheritdoc/>
    public void Start(BlockRequest request)
    {
        Ext2Job job = _pools.Of(request.Home).Rent();
        job.Take(request);
        job.Begin();
    }

    /// <summary>Gives the file back; the last store of an image flushes and closes it. Nothing may be in flight.</summary>
    public void Dispose()
    {
        if (_inode is not null)
        {
            Image.Close(_inode);
            _inode = null;
        }

        _shared.Graph?.RemoveUser(this);
        _shared.Leave();
    }
}
