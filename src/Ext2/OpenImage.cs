using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// An image that is open: its chain, its owner, and the files of it that are being served. Any thread may call; what the library has to do with it happens on
/// the owner's.
/// </summary>
internal sealed class OpenImage : IDisposable
{
    private readonly Dictionary<uint, OpenInode> _inodes = [];
    private readonly BlockGraph _graph;
    private readonly FileSystem _files;
    private readonly bool _writable;

    /// <summary>Opens it.</summary>
    /// <param name="chain">The image, as a chain.</param>
    /// <param name="writable">It is to be changed.</param>
    /// <exception cref="IOException">It cannot be had, or is no such image; the message is one line.</exception>
    public OpenImage(string chain, bool writable)
    {
        _writable = writable;
        _graph = new BlockGraph(Aligned(BlockChain.Parse(chain, readOnly: !writable)), readOnly: !writable) { BacksStores = true };
        ImageOwner? owner = null;
        try
        {
            _graph.Open();
            LockFile();
            owner = new ImageOwner(_graph.Describe());
            if (writable && (_graph.Capabilities & BlockCapabilities.ReadOnly) != 0)
            {
                throw new BlockException($"{_graph.Describe()} cannot be written; serve it with --read-only");
            }

            var requests = new ImageRequests(_graph, owner.Home);
            _files = owner.Call(() => new FileSystem(requests, $"'{_graph.Describe()}'", writable));
            Blocks = new FileBlocks(_files, requests);
            Owner = owner;
            _graph.OwnLoop = owner.Home;
        }
        catch
        {
            owner?.Dispose();
            _graph.Dispose();
            throw;
        }
    }

    /// <summary>The image, as a chain that is open.</summary>
    public BlockGraph Graph => _graph;

    /// <summary>True where it may be changed.</summary>
    public bool IsWritable => _writable;

    /// <summary>The thread of its library calls.</summary>
    public ImageOwner Owner { get; }

    /// <summary>What the library does with files' blocks. On the owner's thread.</summary>
    public FileBlocks Blocks { get; }

    /// <summary>The way to the image, for requests that need no library.</summary>
    public BlockEdge Image => _graph.Edge;

    /// <summary>True where a FLUSH may be asked of it.</summary>
    public bool CanFlush => (_graph.Capabilities & BlockCapabilities.Flush) != 0;

    /// <summary>The most that a READ or WRITE of it may have.</summary>
    public uint MaximumPayload => _graph.Constraints.MaximumPayload;

    /// <summary>Looks for a file. Waits for the owner.</summary>
    /// <exception cref="BlockException">There is none that can be served.</exception>
    public FoundFile Find(string file, bool writable, bool follow) => Owner.Call(() => _files.Find(file, writable, follow));

    /// <summary>Opens a file that was found, or shares one that is open. Waits for the owner.</summary>
    /// <exception cref="BlockException">It is not any more what was found.</exception>
    public OpenInode Open(FoundFile found) => Owner.Call(() =>
    {
        if (!_inodes.TryGetValue(found.Ino, out OpenInode? inode))
        {
            inode = Make(found);
            _inodes.Add(found.Ino, inode);
        }

        inode.References++;
        return inode;
    });

    /// <summary>Gives a file back. Nothing may be in flight on the caller's side.</summary>
    public void Close(OpenInode inode) => Owner.Call(() =>
    {
        inode.References--;
        if (inode.References == 0)
        {
            _inodes.Remove(inode.Ino);
            inode.Dispose();
        }

        return true;
    });

    /// <summary>Flushes what was changed, and closes it. Nothing may be in flight.</summary>
    public void Dispose()
    {
        Owner.Call(() =>
        {
            if (_writable && Blocks.HasChanges)
            {
                _ = Blocks.Flush();
            }

            _files.Dispose();
            return true;
        });
        Owner.Dispose();
        _graph.Dispose();
    }

    /// <summary>The bytes of a file begin and end anywhere, so an image that has a smallest size gets a filter before it.</summary>
    private static IBlock Aligned(IBlock chain)
    {
        if (chain.Constraints.Minimum == 1)
        {
            return chain;
        }

        FilterKind kind = BlockSizeFilter.Kind;
        return kind.Make(new FilterArguments(kind, string.Empty), chain);
    }

    /// <summary>Where the chain ends in a file, no other process may use that as an image meanwhile, unless both only read it.</summary>
    private void LockFile()
    {
        IBlock block = _graph.Top;
        while (block.Behind is { } edge)
        {
            block = edge.Target;
        }

        if (block is FileStore file && !file.TryLock())
        {
            throw new BlockException(_writable
                ? $"the image '{file.Describe()}' is in use by another process, which serves it or has it open as a disk; end that first, or serve it in both with --read-only"
                : $"the image '{file.Describe()}' is being changed by another process, which has it open for writing; end that first");
        }
    }

    private unsafe OpenInode Make(FoundFile found)
    {
        Native.ext2_inode inode = _files.ReadInode(found.Ino);
        return inode.Size == found.Size
            ? new OpenInode(Owner, found.Ino, &inode, _files.BlockBytes)
            : throw new BlockException($"inode {found.Ino} of {_graph.Describe()} has another size than at the start");
    }
}
