using System.Runtime.InteropServices;
using Harness.Ext2.Native;

namespace Harness.Ext2;

/// <summary>
/// A file of an image that is being served: one for all exports and connections that serve it, whatever the name by which they found it. What it knows of the
/// file's blocks is therefore what everybody knows.
/// </summary>
internal sealed unsafe class OpenInode : IDisposable
{
    private readonly ImageOwner _owner;
    private readonly Queue<Ext2Job> _waiting = new();
    private Ext2Job? _closer;
    private int _isInline;
    private int _canPunch;

    /// <param name="owner">The image's owner.</param>
    /// <param name="ino">Its number.</param>
    /// <param name="inode">The inode, which is copied.</param>
    /// <param name="blockBytes">Bytes of a block of the file system.</param>
    public OpenInode(ImageOwner owner, uint ino, ext2_inode* inode, uint blockBytes)
    {
        _owner = owner;
        Ino = ino;
        Inode = (ext2_inode*)NativeMemory.Alloc((nuint)sizeof(ext2_inode));
        *Inode = *inode;
        Map = new BlockMap(inode->Size, blockBytes);
        Gate = new DirectGate { Left = () => owner.Post(new Io.LoopAction(() => owner.Enqueue(GoOn))) };
        NoteForm();
    }

    /// <summary>Its number.</summary>
    public uint Ino { get; }

    /// <summary>How many serve it. On the owner's thread.</summary>
    public int References { get; set; }

    /// <summary>As the library keeps it. On the owner's thread.</summary>
    public ext2_inode* Inode { get; }

    /// <summary>Where its blocks lie.</summary>
    public BlockMap Map { get; }

    /// <summary>What requests pass that go to the image themselves.</summary>
    public DirectGate Gate { get; }

    /// <summary>True where its bytes lie in the inode, so that only the library can reach them. Any thread.</summary>
    public bool IsInline => Volatile.Read(ref _isInline) != 0;

    /// <summary>
    /// True where the library can take blocks away: of a file that is mapped by indirect blocks its ext2fs_punch takes others than it is told to (tried with
    /// 1.47.0), so none are taken.
    /// </summary>
    public bool CanPunch => Volatile.Read(ref _canPunch) != 0;

    /// <summary>The library has changed the inode. On the owner's thread.</summary>
    public void NoteForm()
    {
        Volatile.Write(ref _canPunch, Inode->Has(ext2_inode.EXT4_EXTENTS_FL) ? 1 : 0);
        Volatile.Write(ref _isInline, Inode->Has(ext2_inode.EXT4_INLINE_DATA_FL) ? 1 : 0);
    }

    /// <summary>
    /// True where a job may be served now. Elsewhere it is kept until the one that waits for the gate has been. On the owner's thread.
    /// </summary>
    public bool MayServe(Ext2Job job)
    {
        if (_closer is not null)
        {
            _waiting.Enqueue(job);
            return false;
        }

        return true;
    }

    /// <summary>
    /// True where the job is alone with the file and may take blocks away, until <see cref="EndAlone"/>. Elsewhere it is served again once everybody has left.
    /// On the owner's thread.
    /// </summary>
    public bool TryBeAlone(Ext2Job job)
    {
        Gate.Close();
        if (Gate.IsEmpty)
        {
            return true;
        }

        _closer = job;
        return false;
    }

    /// <summary>Lets in again whoever waits. On the owner's thread.</summary>
    public void EndAlone()
    {
        Gate.Open();
        while (_waiting.TryDequeue(out Ext2Job? job))
        {
            _owner.Enqueue(job.Serve);
        }
    }

    /// <summary>Frees what it holds. Nothing may be in flight.</summary>
    public void Dispose()
    {
        Map.Dispose();
        NativeMemory.Free(Inode);
    }

    /// <summary>Somebody has left the gate while it was closed: maybe the last.</summary>
    private void GoOn()
    {
        if (_closer is { } job && Gate.IsEmpty)
        {
            _closer = null;
            job.Serve();
        }
    }
}
